import { describe, expect, it } from "vitest";
import type { Step, StoryPage } from "../api/types";
import { merge, statusAt, visitsAt } from "./story";

function step(id: number, more: Partial<Step> = {}): Step {
  return {
    id,
    frame: 1,
    name: `State ${id}`,
    type: "Pass",
    enteredAt: id,
    parent: 0,
    index: 0,
    status: "SUCCEEDED",
    exitedId: id + 1,
    endedAt: id,
    next: "",
    error: "",
    cause: "",
    dueAt: 0,
    mapRun: "",
    redrives: 0,
    attempts: [],
    retries: [],
    forks: [],
    revised: id,
    ...more,
  };
}

const page = (steps: Step[], more: Partial<StoryPage> = {}) =>
  ({ steps, firstStep: 0, definition: null, ...more }) as StoryPage;

describe("merge", () => {
  it("replaces steps that have changed and keeps the definition of the first page", () => {
    const first = merge(null, page([step(2, { status: "RUNNING" })], { definition: "{}" }));
    const second = merge(first, page([step(2), step(4)]));
    expect([...second.steps.values()].map(({ id, status }) => [id, status])).toEqual([
      [2, "SUCCEEDED"],
      [4, "SUCCEEDED"],
    ]);
    expect(second.definition).toBe("{}");
  });

  it("lets go of what the server does not keep any more", () => {
    const first = merge(null, page([step(2), step(4)]));
    expect([...merge(first, page([step(6)], { firstStep: 4 })).steps.keys()]).toEqual([4, 6]);
  });
});

describe("statusAt", () => {
  it.each([
    [1, null],
    [2, "RUNNING"],
    [4, "RUNNING"],
    [5, "SUCCEEDED"],
    [null, "SUCCEEDED"],
  ])("after event %s it is %s", (at, status) => {
    expect(statusAt(step(2, { exitedId: 5 }), at)).toBe(status);
  });
});

describe("visitsAt", () => {
  it("counts visits and shows one that runs before those that have ended", () => {
    const steps = [
      step(2, { name: "A" }),
      step(4, { name: "A", status: "RUNNING", exitedId: 0 }),
      step(6, { name: "A" }),
    ];
    expect(visitsAt(steps, null).get("A")).toEqual({ status: "RUNNING", step: 4, count: 3, retries: 0 });
    expect(visitsAt(steps, 2).get("A")).toMatchObject({ status: "RUNNING", count: 1 });
  });
});
