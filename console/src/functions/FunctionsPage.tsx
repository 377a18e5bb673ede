/** A page that is still to be made. */
export default function FunctionsPage() {
  return <div className="page" />;
}
