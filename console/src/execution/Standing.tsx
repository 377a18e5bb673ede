import type { Step } from "../api/types";
import { Mark } from "../ui/Status";
import { Lasted } from "../ui/Time";
import { waitsFor } from "./find";
import type { Story } from "./story";

const OPEN_MAX = 20;

/** Where an execution stands while no step is looked at: what it is doing, or what it did. */
export function Standing({ story, select }: { story: Story; select: (step: number) => void }) {
  const steps = [...story.steps.values()];
  const open = steps.filter(({ status }) => status === "RUNNING");
  const retries = steps.reduce((sum, step) => sum + step.retries.length, 0);
  return (
    <section className="card stack" aria-label="Where it stands">
      <h2>{open.length > 0 ? "What it is doing" : "What it did"}</h2>
      <p className="small">
        {counted(steps.length, "step")}, {counted(retries, "retry")}, {counted(story.page.eventId, "event")}.
      </p>
      {open.slice(0, OPEN_MAX).map((step) => (
        <Open key={step.id} step={step} select={select} />
      ))}
      {open.length > OPEN_MAX && <p className="quiet-text small">And {open.length - OPEN_MAX} more</p>}
      <p className="quiet-text small">
        Choose a state in the graph or a row of the timeline to see its data.
      </p>
    </section>
  );
}

function counted(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  return `${count} ${noun.replace(/y$/, "ie")}s`;
}

function Open({ step, select }: { step: Step; select: (step: number) => void }) {
  return (
    <div className="row small">
      <Mark status={step.status} />
      <button type="button" className="link" onClick={() => select(step.id)}>
        <bdi>{step.name}</bdi>
      </button>
      <span>waits for {waitsFor(step)}</span>
      <span className="spread quiet-text">
        <Lasted from={step.enteredAt} to={null} />
      </span>
    </div>
  );
}
