/** A page that is still to be made. */
export default function ExecutionsPage() {
  return <div className="page" />;
}
