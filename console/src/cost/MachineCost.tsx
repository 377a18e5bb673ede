import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { get } from "../api/client";
import { Failure } from "../ui/Failure";
import { Bill } from "./Bill";
import { count } from "./cost";

const SPANS: [number, string][] = [
  [1, "The last hour"],
  [24, "The last 24 hours"],
  [24 * 7, "The last 7 days"],
  [24 * 30, "The last 30 days"],
];

/** What a state machine's executions would cost on AWS, in a time that one chooses. */
export default function MachineCost({ arn }: { arn: string }) {
  const [hours, setHours] = useState(24);
  const found = useQuery({
    queryKey: ["cost/machine", arn, hours],
    queryFn: ({ signal }) => get("cost/machine", { arn, hours }, signal),
    placeholderData: keepPreviousData,
  });
  const machine = found.data?.machines[0];
  return (
    <section className="stack" aria-label="Cost of the state machine">
      <div className="row">
        <select
          className="control"
          aria-label="Time looked at"
          value={hours}
          onChange={(event) => setHours(Number(event.target.value))}
        >
          {SPANS.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        {machine && <span className="quiet-text">{count(machine.cost.executions, "execution")} started</span>}
      </div>
      {found.error !== null && <Failure error={found.error} />}
      {machine?.type === "EXPRESS" && (
        <p className="empty">Express executions are not kept, so there is nothing to count.</p>
      )}
      {found.data && machine && machine.type !== "EXPRESS" && machine.cost.executions > 0 && (
        <Bill cost={machine.cost} type={machine.type} prices={found.data.prices} />
      )}
      {machine?.type === "STANDARD" && machine.cost.executions === 0 && (
        <p className="empty">No execution was started in this time.</p>
      )}
    </section>
  );
}
