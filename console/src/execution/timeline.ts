import type { Attempt, Step } from "../api/types";
import { duration } from "../ui/time";

/** The layout of the timeline: rows, what stands in them, and the axis above. Times are epoch seconds. */

export interface Row {
  step: Step;
  /** How many Parallels and Maps it is in. */
  depth: number;
  /** How many steps are directly in it. */
  inside: number;
  open: boolean;
}

/** A Parallel or a Map with more steps in it is closed until somebody opens it. */
export const OPEN_MAX = 30;

/**
 * Rows in the order of entry, what is in a Parallel or Map below it, one iteration after the other. `toggled` are the
 * steps that somebody has opened or closed.
 */
export function rows(steps: ReadonlyMap<number, Step>, toggled: ReadonlyMap<number, boolean>): Row[] {
  const inside = children(steps);
  const found: Row[] = [];
  const lay = (step: Step, depth: number) => {
    const below = inside.get(step.id) ?? [];
    const open = below.length > 0 && (toggled.get(step.id) ?? below.length <= OPEN_MAX);
    found.push({ step, depth, inside: below.length, open });
    if (open) for (const child of below) lay(child, depth + 1);
  };
  for (const step of inside.get(0) ?? []) lay(step, 0);
  return found;
}

/** Each step's children, those of one thread together. What a step that is not kept any more held stands at the top. */
function children(steps: ReadonlyMap<number, Step>): Map<number, Step[]> {
  const byThread = new Map<number, Map<number, Step[]>>();
  for (const step of steps.values()) {
    const parent = steps.has(step.parent) ? step.parent : 0;
    const of = byThread.get(parent) ?? new Map<number, Step[]>();
    byThread.set(parent, of);
    const thread = of.get(step.frame);
    if (thread === undefined) of.set(step.frame, [step]);
    else thread.push(step);
  }
  return new Map([...byThread].map(([parent, of]) => [parent, [...of.values()].flat()]));
}

/** `visit` is the whole stay in a state; the others stand on it. */
export type Kind = "visit" | "queued" | "work" | "wait" | "pause";

export interface Segment {
  kind: Kind;
  from: number;
  to: number;
  status: string;
  /** What it is, for the pointer. */
  title: string;
}

/** What a step did when. What has not ended reaches to `now`. */
export function segments(step: Step, now: number): Segment[] {
  return [
    ...visits(step, now),
    ...(step.type === "Wait" ? [wait(step, now)] : []),
    ...step.attempts.flatMap((attempt, index) => tries(attempt, index + 1, now)),
    ...pauses(step, now),
  ];
}

function visits(step: Step, now: number): Segment[] {
  const starts = [step.enteredAt, ...step.earlier.map((ending) => ending.resumedAt)];
  const ends = [...step.earlier, step];
  return ends.map(({ status, endedAt }, index) =>
    segment("visit", starts[index] ?? now, endedAt || now, status, step.name),
  );
}

function wait(step: Step, now: number): Segment {
  return segment("wait", step.enteredAt, step.endedAt || now, step.status, "Waits");
}

function tries(attempt: Attempt, number: number, now: number): Segment[] {
  const { status, scheduledAt, startedAt, submittedAt } = attempt;
  const end = attempt.endedAt || now;
  const name = `Attempt ${number}`;
  const begun = startedAt || (submittedAt ? scheduledAt : end);
  const submitted = submittedAt || end;
  const waits = attempt.waits === "token" ? "waits for an answer" : "waits for what it started";
  return [
    ...(begun > scheduledAt ? [segment("queued", scheduledAt, begun, status, `${name}, scheduled`)] : []),
    ...(startedAt || submittedAt ? [segment("work", begun, submitted, status, name)] : []),
    ...(submittedAt ? [segment("wait", submitted, end, status, `${name}, ${waits}`)] : []),
  ];
}

/** The pauses before retries. The one that goes on, or that an end cut short, reaches no further than that. */
function pauses(step: Step, now: number): Segment[] {
  const end = step.endedAt || now;
  return step.retries.map(({ at, dueAt, attempt }) =>
    segment("pause", at, Math.min(dueAt, end), "RUNNING", `Pause before retry ${attempt}`),
  );
}

function segment(kind: Kind, from: number, to: number, status: string, what: string): Segment {
  const end = Math.max(from, to);
  return { kind, from, to: end, status, title: `${what}: ${duration(end - from)}` };
}

/** A stretch of time that is in sight. */
export interface Span {
  from: number;
  to: number;
}

const SHORTEST_SECONDS = 0.001;

/** From the start to the latest that is known of. */
export function whole(startedAt: number, end: number): Span {
  const length = Math.max(end - startedAt, SHORTEST_SECONDS);
  return { from: startedAt, to: startedAt + length * 1.01 };
}

/** The span made longer by `factor`, or shorter, about the moment that keeps its place; never beyond the whole. */
export function zoom(span: Span, factor: number, about: number, limits: Span): Span | null {
  const length = Math.max((span.to - span.from) * factor, SHORTEST_SECONDS / 10);
  if (length >= limits.to - limits.from) return null;
  const share = (about - span.from) / (span.to - span.from);
  return pan({ from: about - length * share, to: about + length * (1 - share) }, 0, limits);
}

/** The span moved by seconds, as far as the limits go. */
export function pan(span: Span, seconds: number, limits: Span): Span {
  const length = span.to - span.from;
  const from = Math.min(Math.max(span.from + seconds, limits.from), limits.to - length);
  return { from, to: from + length };
}

/** Where a segment stands in the span, in percent; null where it is out of sight. */
export function place({ from, to }: Span, span: Span): { left: number; width: number } | null {
  if (to < span.from || from > span.to) return null;
  const length = span.to - span.from;
  const left = Math.max(0, (from - span.from) / length);
  const right = Math.min(1, (to - span.from) / length);
  return { left: left * 100, width: (right - left) * 100 };
}

const BEYOND_SECONDS = [60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400];

/** Moments for the axis, at round distances from the start: at most `most` of them. */
export function ticks(span: Span, start: number, most: number): number[] {
  const step = stride((span.to - span.from) / Math.max(1, most));
  const first = Math.ceil((span.from - start) / step - 1e-9);
  const count = Math.floor((span.to - start) / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, Math.min(count, most + 1)) }, (_, index) => (first + index) * step);
}

function stride(least: number): number {
  const minutes = BEYOND_SECONDS.find((seconds) => seconds >= least);
  if (least > 30 && minutes !== undefined) return minutes;
  const unit = least > 86400 ? 86400 : 1;
  const power = 10 ** Math.floor(Math.log10(least / unit));
  return unit * power * ([1, 2, 5].find((digit) => digit * power >= least / unit) ?? 10);
}

/** A tick's time since the start: 0, 250 ms, 1.5 s, 1:30, 2:00:00, 3 d. */
export function tickLabel(seconds: number): string {
  if (seconds === 0) return "0";
  if (seconds < 1) return `${Number((seconds * 1000).toPrecision(6))} ms`;
  if (seconds < 60) return `${Number(seconds.toPrecision(8))} s`;
  if (seconds >= 2 * 86400 && seconds % 86400 === 0) return `${seconds / 86400} d`;
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600),
    Math.floor((seconds % 3600) / 60),
    Number((seconds % 60).toFixed(4)),
  ];
  const two = (value: number) => (value < 10 ? `0${value}` : String(value));
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
