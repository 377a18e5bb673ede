import type { Step } from "../api/types";
import { Mark, word } from "../ui/Status";
import { Lasted } from "../ui/Time";
import { waitsFor } from "./find";
import type { Story } from "./story";

const LISTED_MAX = 10;

/**
 * Where an execution stands while no step is looked at: the steps that it is in, and those that did not just succeed.
 */
export function Standing({ story, select }: { story: Story; select: (step: number) => void }) {
  const steps = [...story.steps.values()];
  const open = steps.filter(({ status }) => status === "RUNNING");
  const telling = steps.filter(
    (step) => step.status !== "RUNNING" && (step.status !== "SUCCEEDED" || tried(step)),
  );
  const retries = steps.reduce((sum, step) => sum + step.retries.length, 0);
  return (
    <section className="card stack" aria-label="Where it stands">
      <h2>{open.length > 0 ? "What it is doing" : "What it did"}</h2>
      <p className="small">
        {counted(steps.length, "step")}, {counted(retries, "retry")}, {counted(story.page.eventId, "event")}.
      </p>
      <List steps={open} says={(step) => `waits for ${waitsFor(step)}`} select={select} />
      <List steps={telling} says={outcome} select={select} />
      <p className="quiet-text small">
        Choose a state in the graph or a row of the timeline to see its data.
      </p>
    </section>
  );
}

function tried(step: Step): boolean {
  return step.retries.length > 0 || step.earlier.length > 0;
}

function outcome(step: Step): string {
  const redriven = step.earlier.length > 0 ? [counted(step.earlier.length, "redrive")] : [];
  const retried = step.retries.length > 0 ? [counted(step.retries.length, "retry")] : [];
  return [word(step.status).toLowerCase(), ...retried, ...redriven, step.error].filter(Boolean).join(", ");
}

function counted(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  return `${count} ${noun.replace(/y$/, "ie")}s`;
}

function List({
  steps,
  says,
  select,
}: {
  steps: Step[];
  says: (step: Step) => string;
  select: (step: number) => void;
}) {
  return (
    <>
      {steps.slice(0, LISTED_MAX).map((step) => (
        <div key={step.id} className="row small">
          <Mark status={step.status} />
          <button type="button" className="link" onClick={() => select(step.id)}>
            <bdi>{step.name}</bdi>
          </button>
          <bdi>{says(step)}</bdi>
          <span className="spread quiet-text">
            <Lasted from={step.enteredAt} to={step.endedAt || null} />
          </span>
        </div>
      ))}
      {steps.length > LISTED_MAX && <p className="quiet-text small">And {steps.length - LISTED_MAX} more</p>}
    </>
  );
}
