/** A page that is still to be made. */
export default function MapRunPage() {
  return <div className="page" />;
}
