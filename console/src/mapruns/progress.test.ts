import { describe, expect, it } from "vitest";
import { changed, parts, perSecond, rate, type Sample, sampled, secondsLeft, settled } from "./progress";

it("parts are those that there are", () => {
  expect(parts({ succeeded: 3, failed: 0, running: 2, pendingRedrive: 1 })).toEqual([
    { status: "SUCCEEDED", count: 3 },
    { status: "RUNNING", count: 2 },
    { status: "PENDING_REDRIVE", count: 1 },
  ]);
  expect(settled({ succeeded: 3, failed: 1, timedOut: 1, aborted: 1, running: 9 })).toBe(6);
});

describe("the rate", () => {
  const taken = (...samples: [number, number][]): Sample[] =>
    samples.reduce<Sample[]>((before, [at, count]) => sampled(before, { at, settled: count }), []);

  it.each<[string, [number, number][], number | null]>([
    ["is unknown at first", [[0, 5]], null],
    [
      "is what was settled in the time",
      [
        [0, 0],
        [10, 50],
      ],
      5,
    ],
    [
      "forgets what is long ago",
      [
        [0, 0],
        [20, 1000],
        [40, 1000],
      ],
      0,
    ],
    [
      "begins anew with a redrive",
      [
        [0, 100],
        [1, 40],
        [2, 50],
      ],
      10,
    ],
    [
      "knows no time between two equal ones",
      [
        [1, 1],
        [1, 2],
      ],
      null,
    ],
  ])("%s", (_, samples, expected) => {
    expect(rate(taken(...samples))).toBe(expected);
  });

  it.each([
    [100, 5, 20],
    [100, 0, null],
    [100, null, null],
    [0, 5, 0],
  ])("%s items at %s a second take %s", (rest, at, expected) => {
    expect(secondsLeft(rest, at)).toBe(expected);
  });

  it("is shown with three digits", () => {
    expect([perSecond(null), perSecond(1 / 3)]).toEqual(["–", "0.333 items/s"]);
  });
});

it("an update holds what differs", () => {
  expect(changed({ a: 1, b: 2, c: Number.NaN }, { a: 1, b: 3, c: 4 })).toEqual({ b: 2 });
  expect(changed({ a: 1 }, { a: 1 })).toBeNull();
});
