/** How many calls are begun in a second, how many are under way at most, and what ends all of it early. */
export interface Pace {
  perSecond: () => number;
  inFlight: number;
  signal: AbortSignal;
}

export type Settled<Result> = { result: Result } | { error: unknown };

const THROTTLED = /Throttl|TooManyRequests|RequestLimitExceeded/;

/** What was throttled is tried again so many times, and all wait a second before. */
const TRIES_MAX = 5;
const PAUSE_MS = 1_000;

export function isThrottled(error: unknown): boolean {
  return error instanceof Error && THROTTLED.test(error.name);
}

/** Do something for each job, in order and at a pace. `tell` hears how each ended; those not begun at the end, nothing. */
export async function paced<Job, Result>(
  jobs: readonly Job[],
  act: (job: Job) => Promise<Result>,
  { perSecond, inFlight, signal }: Pace,
  tell: (job: Job, settled: Settled<Result>) => void,
): Promise<void> {
  const again: { job: Job; tries: number }[] = [];
  const open = new Set<Promise<void>>();
  let begun = 0;
  let next = Date.now();

  async function run(job: Job, tries: number): Promise<void> {
    try {
      tell(job, { result: await act(job) });
    } catch (error) {
      if (!isThrottled(error) || tries === TRIES_MAX || signal.aborted) tell(job, { error });
      else {
        again.push({ job, tries: tries + 1 });
        next = Math.max(next, Date.now() + PAUSE_MS);
      }
    }
  }

  while (!signal.aborted) {
    if (open.size >= inFlight || (begun === jobs.length && again.length === 0)) {
      if (open.size === 0) break;
      await Promise.race(open);
      continue;
    }
    const wait = next - Date.now();
    if (wait > 0) {
      await passed(wait, signal);
      continue;
    }
    next = Date.now() + 1_000 / perSecond();
    const { job, tries } = begun < jobs.length ? { job: jobs[begun++] as Job, tries: 1 } : taken(again);
    const running: Promise<void> = run(job, tries).finally(() => open.delete(running));
    open.add(running);
  }
  await Promise.all(open);
}

function taken<Item>(queue: Item[]): Item {
  return queue.shift() as Item;
}

/** Resolves after so long, or at once when the signal is given. */
function passed(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
  });
}
