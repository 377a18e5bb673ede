import type { Attempt, Step } from "../api/types";

/** What people look for in a story. */

const UNSUCCESSFUL = new Set(["FAILED", "TIMED_OUT"]);

/** The innermost step that an unsuccessful execution failed with: down from the top thread's last step. */
export function failedStep(steps: ReadonlyMap<number, Step>): Step | null {
  const within = new Map<number, Step>();
  for (const step of steps.values()) if (UNSUCCESSFUL.has(step.status)) within.set(step.parent, step);
  let found = within.get(0) ?? null;
  for (let inner = found; inner !== null; inner = within.get(inner.id) ?? null) found = inner;
  return found;
}

/** The attempt that a step waits for an answer to, by whoever has its task token. */
export function openToken(step: Step): Attempt | null {
  const attempt = step.attempts.at(-1);
  return step.status === "RUNNING" && attempt?.status === "RUNNING" && attempt.waits === "token"
    ? attempt
    : null;
}

export function waitingForAnswer(steps: Iterable<Step>): Step[] {
  return [...steps].filter((step) => openToken(step) !== null);
}

/** What a running step waits for, in a few words. */
export function waitsFor(step: Step): string {
  const attempt = step.attempts.at(-1);
  if (step.type === "Wait") return "its time";
  if (step.mapRun !== "") return "its Map Run";
  if (step.forks.length > 0) return step.type === "Map" ? "its iterations" : "its branches";
  if (attempt === undefined) return "its turn";
  if (attempt.status !== "RUNNING") return "its retry";
  if (attempt.waits === "child") return "what it started";
  if (attempt.waits === "call") return "its task";
  return isActivity(attempt) ? "a worker of its activity" : "an answer";
}

export function isActivity(attempt: Attempt): boolean {
  return attempt.resource.includes(":activity:");
}

/** All visits to the same state, in the order of their entry. */
export function visitsTo(steps: Iterable<Step>, name: string): Step[] {
  return [...steps].filter((step) => step.name === name);
}

/** The steps that a step is in, the innermost first. */
export function around(steps: ReadonlyMap<number, Step>, step: Step): Step[] {
  const found: Step[] = [];
  for (let at = steps.get(step.parent); at !== undefined; at = steps.get(at.parent)) found.push(at);
  return found;
}

/** The ids of each frame's steps, in ascending order. */
export type Threads = ReadonlyMap<number, number[]>;

export function threads(steps: Iterable<Step>): Threads {
  const found = new Map<number, number[]>();
  for (const step of steps) {
    const ids = found.get(step.frame);
    if (ids === undefined) found.set(step.frame, [step.id]);
    else ids.push(step.id);
  }
  return found;
}

/** The step that an event of a frame belongs to: the latest one that was entered up to it. */
export function stepOfEvent(of: Threads, frame: number, event: number): number | null {
  const ids = of.get(frame) ?? [];
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ids[middle] ?? 0) <= event) low = middle + 1;
    else high = middle;
  }
  return ids[low - 1] ?? null;
}
