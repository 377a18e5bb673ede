import { Link } from "react-router";
import type { Bucket, ExecutionItem, Machine, Machines } from "../api/types";
import { to } from "../app/links";
import { find } from "../executions/filters";
import { Sparkline } from "../ui/Sparkline";
import { Status } from "../ui/Status";
import { Time } from "../ui/Time";
import { clock } from "../ui/time";
import { outcome, percent, share } from "./overview";

/** A state machine in the overview. */
export function MachineRow({ machine, found }: { machine: Machine; found: Machines }) {
  return (
    <li className="machine-row">
      <div className="machine-name">
        <Link to={to.machine(machine.stateMachineArn)} data-row>
          {machine.name}
        </Link>
        <span className="quiet-text small">
          {machine.type} · revision {machine.revision}
          {machine.deleting && " · being deleted"}
        </span>
      </div>
      <Counts machine={machine} />
      <div className="machine-share">
        <span>{percent(share(outcome(machine)))}</span>
        <span className="quiet-text small">succeeded</span>
      </div>
      <div className="machine-day">
        <Sparkline
          buckets={machine.buckets}
          label={`Executions of ${machine.name} started in the last 24 hours`}
          title={(bucket, index) => bucketTitle(bucket, found.since + index * found.bucketSeconds)}
        />
        <span className="quiet-text small">last 24 hours</span>
      </div>
      <LastFailure failure={machine.lastFailure} />
    </li>
  );
}

function bucketTitle({ succeeded, open, unsuccessful }: Bucket, from: number): string {
  return `From ${clock(from)}: ${succeeded} succeeded, ${unsuccessful} did not, ${open} running`;
}

function Counts({ machine }: { machine: Machine }) {
  const counts = Object.entries(machine.counts).filter(([, count]) => count > 0);
  if (machine.type === "EXPRESS") {
    return <p className="quiet-text small machine-counts">Express executions are told in its logs</p>;
  }
  if (counts.length === 0) return <p className="quiet-text small machine-counts">No execution yet</p>;
  return (
    <div className="machine-counts">
      {counts.map(([status, count]) => (
        <Link key={status} to={find({ machine: machine.stateMachineArn, statuses: [status] })}>
          <Status status={status} /> {count.toLocaleString()}
        </Link>
      ))}
    </div>
  );
}

function LastFailure({ failure }: { failure: ExecutionItem | null }) {
  if (failure === null) return <span className="machine-failure" />;
  return (
    <div className="machine-failure">
      <Link to={to.execution(failure.executionArn)} title={failure.cause ?? undefined}>
        {failure.error ?? (failure.status === "TIMED_OUT" ? "Timed out" : "Failed")}
      </Link>
      <span className="quiet-text small">
        last failure, <Time at={failure.startedAt} />
      </span>
    </div>
  );
}
