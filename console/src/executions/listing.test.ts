import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ExecutionPage } from "../api/types";
import { NO_FILTERS } from "./filters";
import { change, page } from "./fixtures";
import { Listing } from "./listing";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const range = (from: number, count: number) => Array.from({ length: count }, (_, index) => from - index);

/** A listing whose pages are given, in order; the last one again and again. */
async function begun(pages: ExecutionPage[], filters = NO_FILTERS) {
  const asked: unknown[] = [];
  const listing = new Listing(filters, async (query) => {
    asked.push(query.before);
    return pages[Math.min(asked.length, pages.length) - 1] as ExecutionPage;
  });
  listing.start();
  await vi.advanceTimersByTimeAsync(0);
  return { listing, asked, seconds: () => listing.state().rows.items.map((one) => one.startedAt) };
}

describe("older ones", () => {
  it("are read page by page, until there are none", async () => {
    const { listing, asked, seconds } = await begun([page(range(500, 200), 301), page([300, 299])]);
    expect([asked, seconds().length, listing.state().reading]).toEqual([[undefined], 200, "no"]);
    await listing.more();
    await listing.more();
    expect([asked, seconds().length, listing.state().before]).toEqual([[undefined, 301], 202, null]);
  });

  it("are searched for until a page is full, and told how far", async () => {
    const { listing, asked } = await begun([page([9], 8), page([], 4), page([2])]);
    expect(asked).toEqual([undefined, 8, 4]);
    expect(listing.state()).toMatchObject({ before: null, searchedTo: null, reading: "no" });
  });

  it("are not searched for without end", async () => {
    const { listing, asked } = await begun([page([], 8)]);
    expect([asked.length, listing.state().reading]).toEqual([20, "paused"]);
    await listing.more();
    expect(asked.length).toBe(40);
  });

  it("can be asked for again after an error", async () => {
    let failing = true;
    const listing = new Listing(NO_FILTERS, async () => {
      if (failing) throw new Error("away");
      return page([1]);
    });
    listing.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(listing.state()).toMatchObject({ reading: "paused", error: new Error("away") });
    failing = false;
    await listing.more();
    expect(listing.state()).toMatchObject({ reading: "no", error: null });
  });
});

describe("news", () => {
  it("wait while somebody reads further down, and are read when the top is in sight again", async () => {
    const { listing, seconds } = await begun([page([5, 4]), page([6, 5, 4])]);
    listing.follow(false);
    listing.hear({ changes: [change(6)], missed: false });
    expect([seconds(), listing.state().rows.fresh.size]).toEqual([[5, 4], 1]);
    listing.follow(true);
    await vi.advanceTimersByTimeAsync(0);
    expect([seconds(), listing.state().rows.fresh.size]).toEqual([[6, 5, 4], 0]);
  });

  it("do not tell of texts, so that they wait for the next search", async () => {
    const { listing, seconds } = await begun([page([5])], { ...NO_FILTERS, text: "x" });
    listing.hear({ changes: [change(6)], missed: false });
    expect([seconds(), listing.state().rows.fresh.size]).toEqual([[5], 1]);
  });

  it("that were missed are read, from the beginning where there are many", async () => {
    const { listing, seconds, asked } = await begun([page([5, 4], 4), page([5, 4], 4), page([9, 8], 8)]);
    listing.hear({ changes: [], missed: true });
    await vi.advanceTimersByTimeAsync(0);
    expect(seconds()[0]).toBe(9);
    expect(asked.length).toBeGreaterThan(2);
  });

  it("that come while a page is on its way are the later word", async () => {
    const listing = new Listing(NO_FILTERS, async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return page([5, 4]);
    });
    listing.start();
    listing.hear({ changes: [change(5, { status: "FAILED" })], missed: false });
    await vi.advanceTimersByTimeAsync(100);
    expect(listing.state().rows.items.map(({ status }) => status)).toEqual(["FAILED", "RUNNING"]);
  });

  it("that leave nothing to show let older ones be read", async () => {
    const filters = { ...NO_FILTERS, statuses: ["RUNNING"] };
    const { listing, asked, seconds } = await begun([page(range(500, 200), 301), page([9])], filters);
    listing.hear({ changes: range(500, 200).map((at) => change(at, { status: "FAILED" })), missed: false });
    await vi.advanceTimersByTimeAsync(0);
    expect([asked, seconds()]).toEqual([[undefined, 301], [9]]);
  });

  it("of other processes are read after a while, and not after the end", async () => {
    const { listing, asked, seconds } = await begun([page([5]), page([6, 5])]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([asked.length, seconds()]).toEqual([2, [6, 5]]);
    listing.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.length).toBe(2);
  });
});
