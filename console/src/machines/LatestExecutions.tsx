import { Link } from "react-router";
import { to } from "../app/links";
import { Failure } from "../ui/Failure";
import { Scrolled } from "../ui/Scrolled";
import { Status } from "../ui/Status";
import { Lasted, Time } from "../ui/Time";
import { useLatestExecutions } from "./queries";

/** The executions of a machine that were started last. */
export function LatestExecutions({ arn, express }: { arn: string; express: boolean }) {
  const { data: executions, error } = useLatestExecutions(arn);
  if (error !== null) return <Failure error={error} />;
  if (executions === undefined) return <p className="empty">Loading …</p>;
  if (executions.length === 0) return <p className="empty">{express ? NOT_KEPT : "No execution yet."}</p>;
  return (
    <div className="stack">
      <Scrolled label="Latest executions">
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">Execution</th>
              <th scope="col">Status</th>
              <th scope="col">Started</th>
              <th scope="col">Duration</th>
              <th scope="col">Error</th>
            </tr>
          </thead>
          <tbody>
            {executions.map(({ executionArn, name, status, startedAt, stoppedAt, error }) => (
              <tr key={executionArn}>
                <th scope="row">
                  <Link to={to.execution(executionArn)}>{name}</Link>
                </th>
                <td>
                  <Status status={status} />
                </td>
                <td>
                  <Time at={startedAt} />
                </td>
                <td>
                  <Lasted from={startedAt} to={stoppedAt} />
                </td>
                <td>{error}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolled>
      <Link to={to.executions(arn)}>All executions</Link>
    </div>
  );
}

/** As on AWS. */
const NOT_KEPT =
  "Executions of Express machines are not kept. Their logs are, where the machine's logging level is not OFF.";
