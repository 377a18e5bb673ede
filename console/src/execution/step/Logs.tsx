import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Step, StepDetail } from "../../api/types";
import { Failure } from "../../ui/Failure";
import { exact } from "../../ui/time";
import { functionOf } from "./invocation";
import { LINES_MAX, readLogs } from "./readLogs";

/** What the Lambda function logged in an attempt. */
export function Logs({ step, detail }: { step: Step; detail: StepDetail }) {
  const [chosen, choose] = useState<number | null>(null);
  const last = step.attempts.length - 1;
  const index = Math.min(chosen ?? last, last);
  const attempt = step.attempts[index];
  const name = attempt === undefined ? null : functionOf(attempt, detail.attempts[index]);
  const running = attempt?.endedAt === 0;
  const found = useQuery({
    queryKey: ["logs", attempt?.requestId, attempt?.endedAt],
    queryFn: () => (attempt === undefined || name === null ? [] : readLogs(name, attempt)),
    refetchInterval: running ? 2_000 : false,
    gcTime: 5_000,
  });
  if (name === null) return <p className="quiet-text">The name of the function is not known.</p>;
  return (
    <div className="stack">
      {step.attempts.length > 1 && (
        <label className="row small">
          Attempt
          <select className="control" value={index} onChange={(event) => choose(Number(event.target.value))}>
            {step.attempts.map(({ scheduledId }, at) => (
              <option key={scheduledId} value={at}>
                {at + 1}
              </option>
            ))}
          </select>
        </label>
      )}
      {found.error !== null && <Failure error={found.error} />}
      {found.isPending && <p className="quiet-text">Loading …</p>}
      {found.data?.length === 0 && <p className="quiet-text">{name} has logged nothing for this attempt.</p>}
      {found.data !== undefined && found.data.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
        <div className="log" role="log" aria-label={`Logs of ${name}`} tabIndex={0}>
          {found.data.map(({ timestamp, message }, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines are only added
            <div key={at}>
              <time>{exact(timestamp / 1000).slice(11, 23)}</time> {message}
            </div>
          ))}
        </div>
      )}
      {(found.data?.length ?? 0) >= LINES_MAX && (
        <p className="quiet-text small">These are the first {LINES_MAX} lines.</p>
      )}
    </div>
  );
}
