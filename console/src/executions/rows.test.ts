import { describe, expect, it } from "vitest";
import type { Change } from "../api/types";
import { change, item, page } from "./fixtures";
import { append, FRESH_MAX, type Hearing, hear, NO_ROWS, ROWS_MAX, type Rows, refresh } from "./rows";

const rows = (...seconds: number[]): Rows => ({ ...NO_ROWS, items: seconds.map((second) => item(second)) });
const seconds = ({ items }: Rows) => items.map((one) => one.startedAt);
const hearing = (more: Partial<Hearing> = {}): Hearing => ({
  matches: () => true,
  moves: true,
  complete: false,
  ...more,
});
const news = (...changes: Change[]) => ({ changes, missed: false });

describe("append", () => {
  it("takes in a page, each execution once and in order", () => {
    expect(seconds(append(rows(9, 7), page([8, 7, 6])))).toEqual([9, 8, 7, 6]);
  });

  it("keeps no more than the latest", () => {
    const full = rows(...Array.from({ length: ROWS_MAX }, (_, index) => ROWS_MAX - index));
    const more = append(full, page([0]));
    expect([more.items.length, more.items.at(-1)?.startedAt]).toEqual([ROWS_MAX, 1]);
  });
});

describe("refresh", () => {
  it.each<[string, number[], number[], number[], number | null, number[] | null]>([
    ["takes in what is new", [5, 4], [5, 4], [6, 5], 5, [6, 5, 4]],
    ["lets go of what is not found any more", [5, 4, 3], [5, 4, 3], [5, 3], 3, [5, 3]],
    ["keeps what is older than the page", [5, 4, 1], [5, 4, 1], [5, 4], 4, [5, 4, 1]],
    ["keeps what news have told of since it was asked for", [6, 5], [5], [5], 5, [6, 5]],
    ["lets go of all where nothing is found", [5, 4], [5, 4], [], null, []],
    ["is none where the page does not reach down", [5, 4], [5, 4], [9, 8], 8, null],
  ])("%s", (_, shown, asked, found, before, expected) => {
    const refreshed = refresh(rows(...shown), rows(...asked), page(found, before));
    expect(refreshed && seconds(refreshed)).toEqual(expected);
  });

  it("has shown all that was new", () => {
    const waiting = { ...rows(5), fresh: new Set(["arn:6"]), stale: true };
    expect(refresh(waiting, waiting, page([6, 5], 5))).toMatchObject({ fresh: new Set(), stale: false });
  });
});

describe("hear", () => {
  it("changes in place what is shown", () => {
    const ended = change(4, { status: "FAILED", stoppedAt: 6, error: "No", cause: "Because" });
    const [, heard] = hear(rows(5, 4), news(ended), hearing()).items;
    expect(heard).toMatchObject({ status: "FAILED", stoppedAt: 6, error: "No", cause: "Because" });
  });

  it.each<[string, Partial<Hearing>, number[], number[]]>([
    ["new ones come at the top", {}, [6], [6, 5, 4]],
    ["what does not match does not", { matches: () => false }, [6], [5, 4]],
    ["what is older comes with its page", {}, [3], [5, 4]],
    ["or at once where all is shown", { complete: true }, [3], [5, 4, 3]],
    ["nothing comes while nothing is to move", { moves: false }, [6], [5, 4]],
  ])("%s", (_, more, told, expected) => {
    const heard = hear(rows(5, 4), news(...told.map((second) => change(second))), hearing(more));
    expect(seconds(heard)).toEqual(expected);
  });

  it("what no longer matches goes, but not while nothing is to move", () => {
    const gone = news(change(5, { status: "SUCCEEDED" }));
    const matches = ({ status }: Change) => status === "RUNNING";
    expect(seconds(hear(rows(5, 4), gone, hearing({ matches })))).toEqual([4]);
    expect(hear(rows(5, 4), gone, hearing({ matches, moves: false })).items[0]?.status).toBe("SUCCEEDED");
  });

  it("counts what waits, each once and up to a bound", () => {
    const many = Array.from({ length: FRESH_MAX + 5 }, (_, index) => change(10 + index));
    const once = hear(rows(5), news(change(6), change(7)), hearing({ moves: false }));
    expect(hear(once, news(change(7)), hearing({ moves: false })).fresh).toEqual(new Set(["arn:6", "arn:7"]));
    expect(hear(rows(5), news(...many), hearing({ moves: false })).fresh.size).toBe(FRESH_MAX);
  });

  it("notes that there was more than could be told", () => {
    expect(hear(rows(5), { changes: [], missed: true }, hearing({ moves: false })).stale).toBe(true);
  });
});
