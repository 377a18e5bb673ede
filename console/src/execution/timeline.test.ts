import { describe, expect, it } from "vitest";
import type { Step } from "../api/types";
import { anAttempt, aStep } from "./fixtures";
import { OPEN_MAX, pan, place, rows, segments, tickLabel, ticks, whole, zoom } from "./timeline";

const byId = (steps: Step[]) => new Map(steps.map((step) => [step.id, step]));
const NONE = new Map<number, boolean>();

describe("rows", () => {
  const steps = byId([
    aStep(2, { type: "Map" }),
    aStep(4, { parent: 2, frame: 2, index: 0 }),
    aStep(5, { parent: 2, frame: 3, index: 1 }),
    aStep(8, { parent: 2, frame: 2, index: 0 }),
    aStep(20),
  ]);
  const shown = (toggled = NONE) => rows(steps, toggled).map(({ step, depth }) => [step.id, depth]);

  it("stand below what they are in, one iteration after the other", () => {
    expect(shown()).toEqual([
      [2, 0],
      [4, 1],
      [8, 1],
      [5, 1],
      [20, 0],
    ]);
  });

  it("are gone where somebody has closed what they are in", () => {
    expect(shown(new Map([[2, false]]))).toEqual([
      [2, 0],
      [20, 0],
    ]);
  });

  it("of a large Map wait until somebody opens it", () => {
    const many = Array.from({ length: OPEN_MAX + 1 }, (_, index) =>
      aStep(4 + index, { parent: 2, frame: index + 2 }),
    );
    const large = byId([aStep(2, { type: "Map" }), ...many]);
    expect(rows(large, NONE)).toMatchObject([{ inside: OPEN_MAX + 1, open: false }]);
    expect(rows(large, new Map([[2, true]]))).toHaveLength(OPEN_MAX + 2);
  });

  it("stand at the top where what they were in is not kept any more", () => {
    expect(rows(byId([aStep(4, { parent: 2 })]), NONE)).toMatchObject([{ depth: 0 }]);
  });
});

describe("segments", () => {
  const shown = (step: Step, now = 100) =>
    segments(step, now).map(({ kind, from, to, status }) => [kind, from, to, status]);

  it("of a step without work are its visit alone", () => {
    expect(shown(aStep(2, { enteredAt: 5, endedAt: 5 }))).toEqual([["visit", 5, 5, "SUCCEEDED"]]);
  });

  it("tell attempts and the pause between them", () => {
    const attempts = [
      anAttempt({ scheduledAt: 10, startedAt: 11, endedAt: 12, status: "FAILED" }),
      anAttempt({ scheduledAt: 15, startedAt: 15 }),
    ];
    const retries = [{ eventId: 6, at: 12, dueAt: 15, retrier: 0, attempt: 1 }];
    const step = aStep(2, { type: "Task", enteredAt: 10, endedAt: 0, status: "RUNNING", attempts, retries });
    expect(shown(step, 20)).toEqual([
      ["visit", 10, 20, "RUNNING"],
      ["queued", 10, 11, "FAILED"],
      ["work", 11, 12, "FAILED"],
      ["work", 15, 20, "RUNNING"],
      ["pause", 12, 15, "RUNNING"],
    ]);
  });

  it.each([
    ["not picked up", anAttempt({ scheduledAt: 10 }), [["queued", 10, 30, "RUNNING"]]],
    [
      "waits for its token",
      anAttempt({ scheduledAt: 10, startedAt: 11, submittedAt: 12, waits: "token" }),
      [
        ["queued", 10, 11, "RUNNING"],
        ["work", 11, 12, "RUNNING"],
        ["wait", 12, 30, "RUNNING"],
      ],
    ],
  ])("of an attempt that is %s", (_, attempt, expected) => {
    const step = aStep(2, {
      type: "Task",
      enteredAt: 10,
      endedAt: 0,
      status: "RUNNING",
      attempts: [attempt],
    });
    expect(shown(step, 30).slice(1)).toEqual(expected);
  });

  it("leave out the time between an end and a redrive", () => {
    const earlier = [{ status: "FAILED", endedId: 6, endedAt: 12, resumedId: 8, resumedAt: 90 }];
    expect(shown(aStep(2, { enteredAt: 10, endedAt: 95, earlier }))).toEqual([
      ["visit", 10, 12, "FAILED"],
      ["visit", 90, 95, "SUCCEEDED"],
    ]);
  });

  it("of a Wait reach as far as it went", () => {
    const step = aStep(2, { type: "Wait", enteredAt: 10, endedAt: 0, dueAt: 500, status: "RUNNING" });
    expect(shown(step, 30)).toContainEqual(["wait", 10, 30, "RUNNING"]);
  });

  it("of a pause that was cut short end with the step", () => {
    const retries = [{ eventId: 4, at: 12, dueAt: 99, retrier: 0, attempt: 1 }];
    expect(shown(aStep(2, { enteredAt: 10, endedAt: 20, retries }))).toContainEqual([
      "pause",
      12,
      20,
      "RUNNING",
    ]);
  });
});

describe("zoom and pan", () => {
  const limits = { from: 0, to: 100 };
  it("keep the moment under the pointer in its place", () => {
    expect(zoom({ from: 0, to: 100 }, 0.5, 20, limits)).toEqual({ from: 10, to: 60 });
  });
  it("end at the whole", () => {
    expect(zoom({ from: 10, to: 60 }, 4, 20, limits)).toBeNull();
    expect(pan({ from: 10, to: 60 }, -50, limits)).toEqual({ from: 0, to: 50 });
    expect(pan({ from: 10, to: 60 }, 80, limits)).toEqual({ from: 50, to: 100 });
  });
  it("keep some length however short the execution was", () => {
    expect(whole(5, 5).to).toBeGreaterThan(5);
  });
});

it.each([
  [
    { from: 10, to: 20 },
    { left: 10, width: 10 },
  ],
  [
    { from: -10, to: 200 },
    { left: 0, width: 100 },
  ],
  [
    { from: 30, to: 30 },
    { left: 30, width: 0 },
  ],
  [{ from: 101, to: 102 }, null],
])("a segment has its place in the span", (segment, expected) => {
  expect(place(segment, { from: 0, to: 100 })).toEqual(expected);
});

it.each([
  [{ from: 1000, to: 1001 }, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [{ from: 1000, to: 1100 }, 5, [0, 20, 40, 60, 80, 100]],
  [{ from: 1000, to: 1000 + 600 }, 4, [0, 300, 600]],
  [{ from: 1000, to: 1000 + 86400 * 10 }, 4, [0, 5, 10].map((days) => days * 86400)],
  [{ from: 1000.5, to: 1000.502 }, 2, [0.5, 0.501, 0.502]],
])("ticks stand at round distances", (span, most, expected) => {
  const found = ticks(span, 1000, most);
  expect(found).toHaveLength(expected.length);
  for (const [index, tick] of found.entries()) expect(tick).toBeCloseTo(expected[index] ?? Number.NaN, 6);
});

it.each([
  [0, "0"],
  [0.25, "250 ms"],
  [0.0005, "0.5 ms"],
  [1.5, "1.5 s"],
  [90, "1:30"],
  [7200, "2:00:00"],
  [259200, "3 d"],
])("%s s reads %s", (seconds, text) => {
  expect(tickLabel(seconds)).toBe(text);
});
