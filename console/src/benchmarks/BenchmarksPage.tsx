/** A page that is still to be made. */
export default function BenchmarksPage() {
  return <div className="page" />;
}
