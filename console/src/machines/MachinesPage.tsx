import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { get } from "../api/client";
import type { Machine } from "../api/types";
import { to } from "../app/links";
import { Failure } from "../ui/Failure";
import { Sparkline } from "../ui/Sparkline";
import { Status } from "../ui/Status";

const AGAIN_MS = 5_000;

/** Every state machine with what became of its executions. */
export function MachinesPage() {
  const machines = useQuery({
    queryKey: ["machines"],
    queryFn: ({ signal }) => get("machines", { hours: 24 }, signal),
    refetchInterval: AGAIN_MS,
    placeholderData: keepPreviousData,
  });
  return (
    <div className="page">
      <h1>State machines</h1>
      {machines.error !== null && <Failure error={machines.error} />}
      {machines.data?.machines.length === 0 && (
        <p className="empty">
          No state machine yet. <code>stepwell deploy examples/orders</code> deploys one.
        </p>
      )}
      <ul className="machines">
        {machines.data?.machines.map((machine) => (
          <MachineCard key={machine.stateMachineArn} machine={machine} />
        ))}
      </ul>
    </div>
  );
}

function MachineCard({ machine }: { machine: Machine }) {
  return (
    <li className="card row">
      <Link to={to.machine(machine.stateMachineArn)}>{machine.name}</Link>
      <span className="quiet-text small">
        {machine.type} · revision {machine.revision}
      </span>
      <span className="row">
        {Object.entries(machine.counts).map(([status, count]) => (
          <Link key={status} to={`${to.executions(machine.stateMachineArn)}&status=${status}`}>
            <Status status={status} /> {count.toLocaleString()}
          </Link>
        ))}
      </span>
      <span className="spread">
        <Sparkline
          buckets={machine.buckets}
          label={`Executions of ${machine.name} started in the last 24 hours`}
        />
      </span>
    </li>
  );
}
