import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Bulk, type Calls } from "./bulk";
import { item } from "./fixtures";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const ITEMS = [item(4), item(3), item(2), item(1)];

/** Every second one is left alone. */
function calls(more: Partial<Calls> = {}): Calls {
  return {
    find: async () => ITEMS,
    verdict: async (_, { startedAt }) => (startedAt % 2 === 0 ? null : "Execution is odd"),
    act: async () => {},
    ...more,
  };
}

async function settled<Result>(work: Promise<Result>): Promise<Result> {
  await vi.runAllTimersAsync();
  return work;
}

describe("the dry run", () => {
  it("tells which would be touched, and why not the others", async () => {
    const act = vi.fn();
    const bulk = new Bulk("redrive", { items: ITEMS }, calls({ act }));
    await settled(bulk.look());
    expect(bulk.state()).toMatchObject({ phase: "ready", found: 4, asked: 4, touched: [item(4), item(2)] });
    expect(bulk.state().left).toEqual(new Map([["Execution is odd", [item(3), item(1)]]]));
    expect(act).not.toHaveBeenCalled();
  });

  it("leaves alone what cannot be asked about", async () => {
    const bulk = new Bulk(
      "stop",
      { items: ITEMS },
      calls({ verdict: () => Promise.reject(new Error("gone")) }),
    );
    await settled(bulk.look());
    expect([...bulk.state().left.keys()]).toEqual(["Error: gone"]);
  });

  it("tells that nothing could be found out", async () => {
    const bulk = new Bulk("stop", { items: [] }, calls({ find: () => Promise.reject(new Error("away")) }));
    await settled(bulk.look());
    expect(bulk.state()).toMatchObject({ phase: "finding", error: new Error("away") });
  });
});

describe("the run", () => {
  it("touches what the dry run has found, and tries again what failed", async () => {
    const acted: number[] = [];
    let failing = true;
    const act: Calls["act"] = async (_, { startedAt }) => {
      acted.push(startedAt);
      if (failing && startedAt === 2) throw Object.assign(new Error("no"), { name: "ExecutionDoesNotExist" });
    };
    const bulk = new Bulk("stop", { items: ITEMS }, calls({ act }));
    await settled(bulk.look());
    await settled(bulk.run());
    expect(bulk.state()).toMatchObject({
      phase: "ended",
      done: 1,
      failed: [{ item: item(2), message: "ExecutionDoesNotExist: no", throttled: false }],
    });
    failing = false;
    await settled(bulk.run());
    expect([acted, bulk.state().done, bulk.state().failed]).toEqual([[4, 2, 2], 2, []]);
  });

  it("ends when it is cancelled, and can go on", async () => {
    const bulk = new Bulk("stop", { items: ITEMS }, calls());
    await settled(bulk.look());
    bulk.perSecond = 1;
    const run = bulk.run();
    await vi.advanceTimersByTimeAsync(500);
    bulk.cancel();
    await settled(run);
    expect(bulk.state()).toMatchObject({ phase: "ended", done: 1 });
    await settled(bulk.run());
    expect(bulk.state().done).toBe(2);
  });
});
