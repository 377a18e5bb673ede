import type { MapRunExecutionCounts, MapRunItemCounts } from "@aws-sdk/client-sfn";

export type Counts = MapRunItemCounts | MapRunExecutionCounts;

/** A part of all items, with the status that it is shown as. */
export interface Part {
  status: string;
  count: number;
}

/** The counters of a Map Run in the order in which a bar shows them, without those at zero. */
export function parts(counts: Partial<Counts>): Part[] {
  const all: [string, number | undefined][] = [
    ["SUCCEEDED", counts.succeeded],
    ["FAILED", counts.failed],
    ["TIMED_OUT", counts.timedOut],
    ["ABORTED", counts.aborted],
    ["RUNNING", counts.running],
    ["PENDING_REDRIVE", counts.pendingRedrive],
    ["PENDING", counts.pending],
  ];
  return all.map(([status, count]) => ({ status, count: count ?? 0 })).filter(({ count }) => count > 0);
}

export function settled({ succeeded = 0, failed = 0, timedOut = 0, aborted = 0 }: Partial<Counts>): number {
  return succeeded + failed + timedOut + aborted;
}

/** How many items were settled at a time in epoch seconds. */
export interface Sample {
  at: number;
  settled: number;
}

/** The rate now is that of so many seconds. */
const WINDOW_SECONDS = 30;

/** The samples with a further one. A redrive begins to count anew. */
export function sampled(samples: readonly Sample[], sample: Sample): Sample[] {
  const last = samples.at(-1);
  if (last !== undefined && sample.settled < last.settled) return [sample];
  return [...samples.filter(({ at }) => at >= sample.at - WINDOW_SECONDS), sample];
}

/** Items settled in a second while the samples were taken; null where that cannot be told yet. */
export function rate(samples: readonly Sample[]): number | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.at <= first.at) return null;
  return (last.settled - first.settled) / (last.at - first.at);
}

/** How many seconds the rest takes at that rate; null where nothing goes on. */
export function secondsLeft(rest: number, perSecond: number | null): number | null {
  return perSecond === null || perSecond <= 0 ? null : rest / perSecond;
}

/** A rate as people read it. */
export function perSecond(rate: number | null): string {
  if (rate === null) return "–";
  return `${rate.toLocaleString(undefined, { maximumSignificantDigits: 3 })} items/s`;
}

/** The members of an update that differ from what holds, as AWS takes them: null where none does. */
export function changed<Settings extends Record<string, number | undefined>>(
  wanted: Settings,
  now: Settings,
): Partial<Settings> | null {
  const differing = Object.entries(wanted).filter(
    ([name, value]) => !Number.isNaN(value) && value !== now[name],
  );
  return differing.length === 0 ? null : (Object.fromEntries(differing) as Partial<Settings>);
}
