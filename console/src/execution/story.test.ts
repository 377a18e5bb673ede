import { describe, expect, it } from "vitest";
import type { Step, StoryPage } from "../api/types";
import { aStep } from "./fixtures";
import { hasLeftOut, merge, statusAt, visitsAt } from "./story";

const page = (steps: Step[], more: Partial<StoryPage> = {}) =>
  ({ steps, firstStep: 0, definition: null, ...more }) as StoryPage;

describe("merge", () => {
  it("replaces steps that have changed and keeps the definition of the first page", () => {
    const first = merge(null, page([aStep(2, { status: "RUNNING" })], { definition: "{}" }));
    const second = merge(first, page([aStep(2), aStep(4)]));
    expect([...second.steps.values()].map(({ id, status }) => [id, status])).toEqual([
      [2, "SUCCEEDED"],
      [4, "SUCCEEDED"],
    ]);
    expect(second.definition).toBe("{}");
  });
});

it.each([
  [0, 0, false],
  [0, 9, true],
  [9, 9, false],
])("with the first step %s and then %s steps have been left out: %s", (first, then, left) => {
  expect(hasLeftOut(merge(null, page([], { firstStep: first })), page([], { firstStep: then }))).toBe(left);
});

describe("statusAt", () => {
  it.each([
    [1, null],
    [2, "RUNNING"],
    [4, "RUNNING"],
    [5, "SUCCEEDED"],
    [null, "SUCCEEDED"],
  ])("after event %s it is %s", (at, status) => {
    expect(statusAt(aStep(2, { exitedId: 5, endedId: 5 }), at)).toBe(status);
  });

  it.each([
    [6, "RUNNING"],
    [7, "ABORTED"],
  ])("of a step that was never left, after event %s it is %s", (at, status) => {
    expect(statusAt(aStep(2, { status: "ABORTED", exitedId: 0, endedId: 7 }), at)).toBe(status);
  });

  it.each([
    [5, "RUNNING"],
    [6, "FAILED"],
    [7, "FAILED"],
    [8, "RUNNING"],
    [11, "RUNNING"],
    [12, "SUCCEEDED"],
  ])("of a step that was redriven, after event %s it is %s", (at, status) => {
    const earlier = [{ status: "FAILED", endedId: 6, endedAt: 6, resumedId: 8, resumedAt: 8 }];
    expect(statusAt(aStep(2, { earlier, exitedId: 12, endedId: 12 }), at)).toBe(status);
  });
});

describe("visitsAt", () => {
  it("counts visits and shows one that runs before those that have ended", () => {
    const steps = [
      aStep(2, { name: "A" }),
      aStep(4, { name: "A", status: "RUNNING", exitedId: 0, endedId: 0 }),
      aStep(6, { name: "A" }),
    ];
    expect(visitsAt(steps, null).get("A")).toEqual({ status: "RUNNING", step: 4, count: 3, retries: 0 });
    expect(visitsAt(steps, 2).get("A")).toMatchObject({ status: "RUNNING", count: 1 });
  });

  it("counts the retries up to then", () => {
    const retries = [4, 6].map((eventId) => ({
      eventId,
      at: eventId,
      dueAt: eventId,
      retrier: 0,
      attempt: 1,
    }));
    const steps = [aStep(2, { name: "A", retries, exitedId: 9, endedId: 9 })];
    expect(visitsAt(steps, 5).get("A")).toMatchObject({ retries: 1 });
    expect(visitsAt(steps, null).get("A")).toMatchObject({ retries: 2 });
  });
});
