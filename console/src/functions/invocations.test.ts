import { describe, expect, it } from "vitest";
import type { InvocationItem } from "../api/types";
import { decodeTail, linesOf, logSpan, milliseconds, strip, timeTicks } from "./invocations";

function invocation(more: Partial<InvocationItem> = {}): InvocationItem {
  return {
    requestId: "a",
    at: 100,
    stream: "s",
    durationMs: 20,
    billedMs: 20,
    memoryMb: 256,
    usedMb: null,
    initMs: null,
    error: "",
    ...more,
  };
}

const lines = (...texts: string[]) => texts.map((text, at) => ({ at, text }));
const texts = (found: ReturnType<typeof linesOf>) => found.lines.map((line) => line.text);

describe("linesOf", () => {
  it("is what stands between START and REPORT", () => {
    const found = linesOf(
      lines(
        "REPORT RequestId: z",
        "START RequestId: a",
        "hello",
        "END RequestId: a",
        "REPORT RequestId: a\t1 ms",
        "x",
      ),
      "a",
    );
    expect(texts(found)).toEqual([
      "START RequestId: a",
      "hello",
      "END RequestId: a",
      "REPORT RequestId: a\t1 ms",
    ]);
    expect(found.shared).toBe(false);
  });

  it("says so where another one ran at the same time", () => {
    const found = linesOf(
      lines("START RequestId: a", "START RequestId: b", "whose", "REPORT RequestId: a"),
      "a",
    );
    expect(texts(found)).toEqual(["START RequestId: a", "whose", "REPORT RequestId: a"]);
    expect(found.shared).toBe(true);
  });

  it("shows all where the frame is not there", () => {
    expect(linesOf(lines("hello"), "a")).toEqual({ lines: lines("hello"), shared: true });
    expect(linesOf([], "a").lines).toEqual([]);
  });
});

describe("logSpan", () => {
  it("begins before the cold start", () => {
    expect(logSpan(invocation({ initMs: 500 }))).toEqual({ startTime: 98_480, endTime: 101_000 });
  });
});

describe("strip", () => {
  it("has each invocation in the order of time, and in the rows that are about it", () => {
    const found = strip([
      invocation({ at: 4, durationMs: 4, error: "E", initMs: 5 }),
      invocation({ at: 3, durationMs: 3, error: "E" }),
      invocation({ at: 2, durationMs: 2, initMs: 0 }),
      invocation({ at: 1, durationMs: 1 }),
    ]);
    expect(found).toEqual([
      [1, 2, 3, 4],
      [1, null, null, null],
      [null, 2, null, 4],
      [null, null, 3, 4],
    ]);
  });
});

describe("milliseconds", () => {
  it.each([
    [null, "–"],
    [1.28, "1.3 ms"],
    [85.58, "86 ms"],
    [12_345, "12.3 s"],
  ])("%s is %s", (value, text) => {
    expect(milliseconds(value)).toBe(text);
  });
});

describe("decodeTail", () => {
  it("is UTF-8, also where it was cut within a character", () => {
    expect(decodeTail(btoa("\xc3\xa9t\xc3\xa9"))).toBe("été");
    expect(decodeTail(btoa("\xa9t"))).toBe("�t");
  });
});

describe("timeTicks", () => {
  it("says nothing twice", () => {
    const [first, again, next] = timeTicks([100, 100.5, 101]);
    expect(first).toMatch(/\d+:\d\d:40/);
    expect(again).toBeNull();
    expect(next).toMatch(/:41/);
    expect(timeTicks([])).toEqual([]);
  });

  it("says days of many", () => {
    expect(timeTicks([0, 200_000]).every((text) => !text?.includes(":"))).toBe(true);
  });
});
