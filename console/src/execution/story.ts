import type { Step, StoryPage } from "../api/types";

/** An execution as far as it is known here: the latest page, and all steps by id in the order of their entry. */
export interface Story {
  page: StoryPage;
  definition: string;
  steps: Map<number, Step>;
}

/**
 * The story with another page taken in. A page holds the steps that have changed since the one before. Where the server
 * `hasLeftOut` steps since, the story begins anew.
 */
export function merge(before: Story | null, page: StoryPage): Story {
  const steps = new Map(before?.steps);
  for (const step of page.steps) steps.set(step.id, step);
  return { page, definition: page.definition ?? before?.definition ?? "", steps };
}

/** Whether the server has left out steps since. Which ones only a page from the beginning tells. */
export function hasLeftOut(before: Story, page: StoryPage): boolean {
  return page.firstStep > before.page.firstStep;
}

/** How a step stood after the event `at`: null before it was entered. `at` null means now. */
export function statusAt(step: Step, at: number | null): string | null {
  if (at === null) return step.status;
  if (at < step.id) return null;
  for (const ending of step.earlier) {
    if (at < ending.resumedId) return at < ending.endedId ? "RUNNING" : ending.status;
  }
  return step.endedId > 0 && step.endedId <= at ? step.status : "RUNNING";
}

/** What the graph shows of a state: the status of its latest visit, and how many visits and retries there were. */
export interface Visits {
  status: string;
  count: number;
  retries: number;
  /** The latest step of this state. */
  step: number;
}

/** Each state that was entered up to the event `at`, by name. A running visit outweighs those that have ended. */
export function visitsAt(steps: Iterable<Step>, at: number | null): Map<string, Visits> {
  const visits = new Map<string, Visits>();
  for (const step of steps) {
    const status = statusAt(step, at);
    if (status === null) continue;
    const known = visits.get(step.name);
    const kept = known?.status === "RUNNING" && status !== "RUNNING" ? known : { status, step: step.id };
    visits.set(step.name, {
      status: kept.status,
      step: kept.step,
      count: (known?.count ?? 0) + 1,
      retries: (known?.retries ?? 0) + retriesAt(step, at),
    });
  }
  return visits;
}

function retriesAt(step: Step, at: number | null): number {
  return at === null ? step.retries.length : step.retries.filter((retry) => retry.eventId <= at).length;
}
