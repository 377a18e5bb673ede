/** A page that is still to be made. */
export default function ComparePage() {
  return <div className="page" />;
}
