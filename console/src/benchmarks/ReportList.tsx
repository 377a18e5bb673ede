import { useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import { Failure } from "../ui/Failure";
import { Time } from "../ui/Time";
import { bytes } from "../ui/time";

/** The reports in the folders that the server was given. */
export function ReportList({ choose }: { choose: (id: string) => void }) {
  const found = useQuery({ queryKey: ["reports"], queryFn: ({ signal }) => get("reports", {}, signal) });
  if (found.error !== null) return <Failure error={found.error} />;
  if (found.data === undefined) return null;
  const { reports, configured } = found.data;
  return (
    <>
      {reports.length === 0 && (
        <p className="empty">
          {configured
            ? "No report in the folders that the server was given."
            : "The server was started without a folder of reports."}{" "}
          <code>stepwell bench run</code> writes one.
        </p>
      )}
      <ul className="reports">
        {reports.map((report) => (
          <li key={report.id}>
            <button type="button" className="card row" onClick={() => choose(report.id)}>
              <strong>{report.name}</strong>
              <span className="quiet-text small spread">
                <Time at={report.modifiedAt} /> · {bytes(report.bytes)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <p className="small quiet-text">
        A <code>report.json</code> that is dropped on this page or opened is read here and sent nowhere.
      </p>
    </>
  );
}
