import { describe, expect, it } from "vitest";
import type { Step } from "../api/types";
import { around, failedStep, openToken, stepOfEvent, threads, waitsFor } from "./find";
import { anAttempt, aStep } from "./fixtures";

const byId = (steps: Step[]) => new Map(steps.map((step) => [step.id, step]));

describe("failedStep", () => {
  it("goes down to the innermost step that failed", () => {
    const steps = byId([
      aStep(2, { status: "CAUGHT" }),
      aStep(4, { type: "Parallel", status: "FAILED" }),
      aStep(6, { parent: 4, frame: 2, status: "ABORTED" }),
      aStep(8, { parent: 4, frame: 3, status: "FAILED" }),
    ]);
    expect(failedStep(steps)?.id).toBe(8);
  });

  it("takes the latest where an earlier run of the branches failed too", () => {
    const steps = byId([
      aStep(2, { status: "FAILED" }),
      aStep(4, { parent: 2, status: "FAILED" }),
      aStep(6, { parent: 2, status: "TIMED_OUT" }),
    ]);
    expect(failedStep(steps)?.id).toBe(6);
  });

  it("finds none where all went well, also not below a step whose failure was caught", () => {
    expect(
      failedStep(byId([aStep(2, { status: "CAUGHT" }), aStep(4, { parent: 2, status: "FAILED" })])),
    ).toBeNull();
  });
});

describe("openToken", () => {
  const open = anAttempt({ waits: "token" });
  it.each([
    ["waits", aStep(2, { status: "RUNNING", attempts: [open] }), true],
    [
      "waits for its retry",
      aStep(2, { status: "RUNNING", attempts: [{ ...open, status: "FAILED" }] }),
      false,
    ],
    ["was stopped", aStep(2, { status: "ABORTED", attempts: [open] }), false],
    ["calls", aStep(2, { status: "RUNNING", attempts: [anAttempt()] }), false],
  ])("of a step that %s", (_, step, there) => {
    expect(openToken(step) !== null).toBe(there);
  });
});

it.each([
  [aStep(2, { type: "Wait" }), "its time"],
  [aStep(2, { attempts: [anAttempt()] }), "its task"],
  [aStep(2, { attempts: [anAttempt({ waits: "token" })] }), "an answer"],
  [
    aStep(2, { attempts: [anAttempt({ waits: "token", resource: "arn:aws:states:::activity:a" })] }),
    "a worker of its activity",
  ],
  [aStep(2, { attempts: [anAttempt({ status: "FAILED" })] }), "its retry"],
])("a step says what it waits for", (step, text) => {
  expect(waitsFor(step)).toBe(text);
});

it("knows what a step is in", () => {
  const steps = byId([aStep(2), aStep(4, { parent: 2 }), aStep(6, { parent: 4 })]);
  expect(around(steps, aStep(6, { parent: 4 })).map(({ id }) => id)).toEqual([4, 2]);
});

describe("stepOfEvent", () => {
  const of = threads([aStep(2), aStep(7), aStep(9, { frame: 2 }), aStep(20)]);
  it.each([
    [1, 2, 2],
    [1, 6, 2],
    [1, 7, 7],
    [1, 19, 7],
    [1, 99, 20],
    [2, 8, null],
    [2, 12, 9],
    [0, 1, null],
  ])("in frame %s the event %s belongs to the step %s", (frame, event, step) => {
    expect(stepOfEvent(of, frame, event)).toBe(step);
  });
});
