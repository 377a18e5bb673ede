import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Attempt, Retry, Step } from "../../api/types";
import { nameOf, to } from "../../app/links";
import { Status } from "../../ui/Status";
import { Lasted, Time } from "../../ui/Time";
import { duration } from "../../ui/time";
import { Cause } from "../Cause";
import { waitsFor } from "../find";
import type { Story } from "../story";

/** What came of a step, when, and after how many tries. */
export function Overview({
  story,
  step,
  select,
}: {
  story: Story;
  step: Step;
  select: (step: number) => void;
}) {
  const around = story.steps.get(step.parent);
  const next = [...story.steps.values()].find(({ id, frame }) => frame === step.frame && id > step.id);
  return (
    <div className="stack">
      <Cause error={step.error} cause={step.cause} open />
      <dl className="facts small">
        <Fact name="Entered">
          <Time at={step.enteredAt} /> (+{duration(step.enteredAt - story.page.execution.startedAt)})
        </Fact>
        <Fact name="Lasted">
          <Lasted from={step.enteredAt} to={step.endedAt || null} />
        </Fact>
        {step.status === "RUNNING" && <Fact name="Waits for">{waitsFor(step)}</Fact>}
        {step.status === "RUNNING" && step.dueAt > 0 && (
          <Fact name="Until">
            <Time at={step.dueAt} />
          </Fact>
        )}
        {step.next !== "" && (
          <Fact name="Next">
            <ToStep step={next?.name === step.next ? next : undefined} name={step.next} select={select} />
          </Fact>
        )}
        {around !== undefined && (
          <Fact name={around.type === "Map" ? "Iteration" : "Branch"}>
            {step.index} of <ToStep step={around} name={around.name} select={select} />
          </Fact>
        )}
        {step.forks.length > 0 && step.mapRun === "" && (
          <Fact name={step.type === "Map" ? "Iterations" : "Branches"}>{forks(step)}</Fact>
        )}
        {step.mapRun !== "" && (
          <Fact name="Map Run">
            <Link to={to.mapRun(step.mapRun)}>{nameOf(step.mapRun)}</Link>
          </Fact>
        )}
        {step.earlier.length > 0 && <Fact name="Redriven">{times(step.earlier.length)}</Fact>}
        <Fact name="Events">{step.endedId > 0 ? `${step.id} to ${step.endedId}` : `From ${step.id}`}</Fact>
      </dl>
      {step.attempts.length > 0 && <Attempts attempts={step.attempts} retries={step.retries} />}
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function ToStep({
  step,
  name,
  select,
}: {
  step: Step | undefined;
  name: string;
  select: (step: number) => void;
}) {
  if (step === undefined) return <bdi>{name}</bdi>;
  return (
    <button type="button" className="link" onClick={() => select(step.id)}>
      <bdi>{name}</bdi>
    </button>
  );
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function forks(step: Step): string {
  const fork = step.forks.at(-1);
  if (fork === undefined) return "";
  const { total, started, succeeded, failed, aborted } = fork;
  const open = started - succeeded - failed - aborted;
  const parts: [number, string][] = [
    [succeeded, "succeeded"],
    [failed, "failed"],
    [aborted, "aborted"],
    [step.status === "RUNNING" ? open : 0, "running"],
    [total - started, "not started"],
  ];
  const told = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return [`${total} in all`, ...told].join(", ");
}

/** Every try, with the pause that came before it. */
function Attempts({ attempts, retries }: { attempts: Attempt[]; retries: Retry[] }) {
  return (
    <ol className="attempts" aria-label="Attempts">
      {attempts.map((attempt, index) => {
        const before = attempts[index - 1]?.endedAt ?? 0;
        const pause = retries.findLast(({ at }) => index > 0 && at >= before && at <= attempt.scheduledAt);
        return (
          <li key={attempt.scheduledId} className="stack small">
            {pause !== undefined && <Pause retry={pause} />}
            <Try attempt={attempt} number={index + 1} />
          </li>
        );
      })}
      {retries
        .filter(({ at }) => at >= (attempts.at(-1)?.endedAt || Number.POSITIVE_INFINITY))
        .map((retry) => (
          <li key={retry.at} className="small">
            <Pause retry={retry} />
          </li>
        ))}
    </ol>
  );
}

function Pause({ retry: { attempt, retrier, at, dueAt } }: { retry: Retry }) {
  return (
    <p className="pause quiet-text">
      Retry {attempt} of retrier {retrier + 1}, after {duration(dueAt - at)}
    </p>
  );
}

function Try({ attempt, number }: { attempt: Attempt; number: number }) {
  const { scheduledAt, startedAt, submittedAt, heartbeatAt, endedAt, error, cause, child, worker } = attempt;
  return (
    <div className="attempt">
      <div className="row">
        <strong>Attempt {number}</strong>
        <Status status={attempt.status} />
        <span className="spread">
          <Lasted from={scheduledAt} to={endedAt || null} />
        </span>
      </div>
      <Cause error={error} cause={cause} />
      <dl className="facts">
        <Fact name="Resource">
          <code>
            {attempt.resourceType === "" ? attempt.resource : `${attempt.resourceType}:${attempt.resource}`}
          </code>
        </Fact>
        <Fact name="Scheduled">
          <Time at={scheduledAt} />
        </Fact>
        {startedAt > 0 && <Fact name="Started">after {duration(startedAt - scheduledAt)}</Fact>}
        {submittedAt > 0 && <Fact name="Submitted">after {duration(submittedAt - scheduledAt)}</Fact>}
        {heartbeatAt > 0 && (
          <Fact name="Last heartbeat">
            <Time at={heartbeatAt} />
          </Fact>
        )}
        {worker !== "" && <Fact name="Worker">{worker}</Fact>}
        <Fact name="Idempotency key">
          <code>{attempt.requestId}</code>
        </Fact>
        {child !== "" && (
          <Fact name="Execution">
            <Link to={to.execution(child)}>{nameOf(child)}</Link>
          </Fact>
        )}
      </dl>
    </div>
  );
}
