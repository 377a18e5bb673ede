import { Link } from "react-router";
import type { Connection } from "../api/live";
import { nameOf, to } from "../app/links";
import { Status } from "../ui/Status";
import { Lasted, Time } from "../ui/Time";
import { Actions } from "./Actions";
import type { Story } from "./story";

/** Which execution this is, how it stands, and what can be done with it. */
export function Header({
  arn,
  story,
  connection,
  read,
}: {
  arn: string;
  story: Story;
  connection: Connection;
  read: () => void;
}) {
  const { execution } = story.page;
  return (
    <header className="execution-header">
      <div className="row">
        <h1>
          <bdi>{execution.name}</bdi>
        </h1>
        <Status status={execution.status} />
        <Liveness connection={connection} />
      </div>
      <Actions arn={arn} story={story} read={read} />
      <Facts story={story} />
    </header>
  );
}

function Facts({ story }: { story: Story }) {
  const { execution, parent, revision } = story.page;
  const machine = execution.stateMachineArn.split("/")[0] ?? "";
  return (
    <ul className="fact-row small">
      <li>
        State machine <Link to={to.machine(machine)}>{nameOf(machine)}</Link>, revision {revision}
      </li>
      <li>
        Started <Time at={execution.startedAt} />
      </li>
      <li>
        {execution.stoppedAt === null ? "Running for " : "Took "}
        <Lasted from={execution.startedAt} to={execution.stoppedAt} />
      </li>
      {execution.redriveCount > 0 && (
        <li>{execution.redriveCount === 1 ? "Redriven once" : `Redriven ${execution.redriveCount} times`}</li>
      )}
      {parent !== null && (
        <li>
          Started by <Link to={to.execution(parent)}>{nameOf(parent)}</Link>
        </li>
      )}
      {execution.mapRun !== null && (
        <li>
          <Link to={to.mapRun(execution.mapRun)}>Map Run</Link>
          {execution.item !== null && `, item ${execution.item}`}
        </li>
      )}
    </ul>
  );
}

const LIVENESS: Record<Connection, string> = {
  connecting: "Connecting",
  live: "Live",
  lost: "Connection lost, trying again",
  refused: "Not live: reload to see more",
};

function Liveness({ connection }: { connection: Connection }) {
  return (
    <span className="liveness small" data-connection={connection} role="status">
      <span aria-hidden="true">{connection === "live" ? "●" : "○"}</span> {LIVENESS[connection]}
    </span>
  );
}
