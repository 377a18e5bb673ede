import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Pace, paced, type Settled } from "./paced";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function pace(more: Partial<Pace> = {}): Pace {
  return { perSecond: () => 10, inFlight: 5, signal: new AbortController().signal, ...more };
}

function throttled(): Error {
  return Object.assign(new Error("Rate exceeded"), { name: "ThrottlingException" });
}

/** Runs jobs 0, 1, 2 ... and notes when each was begun, and how it ended. */
function running(count: number, act: (job: number) => Promise<void>, options = pace()) {
  const begun: [number, number][] = [];
  const ended: [number, Settled<void>][] = [];
  const zero = Date.now();
  const end = paced(
    Array.from({ length: count }, (_, index) => index),
    (job) => {
      begun.push([job, Date.now() - zero]);
      return act(job);
    },
    options,
    (job, settled) => ended.push([job, settled]),
  );
  return { begun, ended, end };
}

const passed = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

describe("paced", () => {
  it("begins so many a second, in order", async () => {
    const { begun, end } = running(4, async () => {});
    await vi.runAllTimersAsync();
    await end;
    expect(begun).toEqual([
      [0, 0],
      [1, 100],
      [2, 200],
      [3, 300],
    ]);
  });

  it("has no more than so many under way", async () => {
    let open = 0;
    let most = 0;
    const { end } = running(
      20,
      async () => {
        most = Math.max(most, ++open);
        await passed(1000);
        open--;
      },
      pace({ perSecond: () => 100, inFlight: 3 }),
    );
    await vi.runAllTimersAsync();
    await end;
    expect(most).toBe(3);
  });

  it("tells what failed and goes on", async () => {
    const { ended, end } = running(3, async (job) => {
      if (job === 1) throw new Error("no");
    });
    await vi.runAllTimersAsync();
    await end;
    expect(ended).toEqual([
      [0, { result: undefined }],
      [1, { error: new Error("no") }],
      [2, { result: undefined }],
    ]);
  });

  it("tries what was throttled again, after a pause of all", async () => {
    let times = 0;
    const { begun, ended, end } = running(2, async (job) => {
      if (job === 0 && ++times < 3) throw throttled();
    });
    await vi.runAllTimersAsync();
    await end;
    expect(begun.map(([job]) => job)).toEqual([0, 1, 0, 0]);
    expect(begun[1]?.[1]).toBeGreaterThanOrEqual(1000);
    expect(ended.map(([job, settled]) => [job, "error" in settled])).toEqual([
      [1, false],
      [0, false],
    ]);
  });

  it("gives up what is throttled for ever", async () => {
    const { begun, ended, end } = running(1, () => Promise.reject(throttled()));
    await vi.runAllTimersAsync();
    await end;
    expect([begun.length, ended]).toEqual([5, [[0, { error: throttled() }]]]);
  });

  it("begins nothing after it was cancelled, and waits for what is under way", async () => {
    const aborted = new AbortController();
    const { begun, ended, end } = running(10, () => passed(500), pace({ signal: aborted.signal }));
    await vi.advanceTimersByTimeAsync(250);
    aborted.abort();
    await vi.runAllTimersAsync();
    await end;
    expect([begun.length, ended.length]).toEqual([3, 3]);
  });
});
