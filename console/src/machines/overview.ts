import type { Bucket, Machine } from "../api/types";

/** How the state machines can be put in order. */
export const ORDERS = {
  name: "Name",
  failure: "Latest failure",
  running: "Most running",
  started: "Most started in 24 hours",
  share: "Lowest success share",
} as const;

export type Order = keyof typeof ORDERS;

/** What became of executions: those that run, and of the closed ones how many succeeded. */
export interface Outcome {
  running: number;
  succeeded: number;
  unsuccessful: number;
}

/** All executions of a machine. */
export function outcome({ counts }: Machine): Outcome {
  const { RUNNING: running = 0, SUCCEEDED: succeeded = 0, ...others } = counts;
  return { running, succeeded, unsuccessful: Object.values(others).reduce((sum, count) => sum + count, 0) };
}

/** Those that were started in the stretch of time that is looked at. */
export function recent(buckets: readonly Bucket[]): Outcome {
  return together(
    buckets.map(({ open, succeeded, unsuccessful }) => ({ running: open, succeeded, unsuccessful })),
  );
}

export function together(outcomes: readonly Outcome[]): Outcome {
  const sum = { running: 0, succeeded: 0, unsuccessful: 0 };
  for (const { running, succeeded, unsuccessful } of outcomes) {
    sum.running += running;
    sum.succeeded += succeeded;
    sum.unsuccessful += unsuccessful;
  }
  return sum;
}

export function started({ running, succeeded, unsuccessful }: Outcome): number {
  return running + succeeded + unsuccessful;
}

/** The succeeded ones among the closed ones, from 0 to 1; null where none is closed. */
export function share({ succeeded, unsuccessful }: Outcome): number | null {
  const closed = succeeded + unsuccessful;
  return closed === 0 ? null : succeeded / closed;
}

/** A share as people read it. It is 100 % only where nothing failed, and 0 % where nothing succeeded. */
export function percent(part: number | null): string {
  if (part === null) return "–";
  if (part === 0 || part === 1) return `${part * 100} %`;
  return `${Math.min(99.9, Math.max(0.1, part * 100)).toFixed(1)} %`;
}

/** The machines whose names hold the text, in the order wanted; those that are equal in it by name. */
export function arranged(machines: readonly Machine[], text: string, order: Order): Machine[] {
  const wanted = text.toLowerCase();
  return machines
    .filter((machine) => machine.name.toLowerCase().includes(wanted))
    .sort((one, other) => rank(one, order) - rank(other, order) || one.name.localeCompare(other.name));
}

function rank(machine: Machine, order: Order): number {
  switch (order) {
    case "name":
      return 0;
    case "failure":
      return -(machine.lastFailure?.startedAt ?? 0);
    case "running":
      return -outcome(machine).running;
    case "started":
      return -started(recent(machine.buckets));
    case "share":
      return share(outcome(machine)) ?? 2;
  }
}
