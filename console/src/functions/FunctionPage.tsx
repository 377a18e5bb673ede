/** A page that is still to be made. */
export default function FunctionPage() {
  return <div className="page" />;
}
