/** A page that is still to be made. */
export default function MachinePage() {
  return <div className="page" />;
}
