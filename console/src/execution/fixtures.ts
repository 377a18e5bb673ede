import type { Attempt, Step } from "../api/types";

/** A step for tests: a Pass that was left at once, but for what is given. */
export function aStep(id: number, more: Partial<Step> = {}): Step {
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
    endedId: id + 1,
    endedAt: id,
    earlier: [],
    next: "",
    error: "",
    cause: "",
    dueAt: 0,
    mapRun: "",
    attempts: [],
    retries: [],
    forks: [],
    revised: id,
    ...more,
  };
}

/** An attempt for tests: it runs and has not been picked up, but for what is given. */
export function anAttempt(more: Partial<Attempt> = {}): Attempt {
  return {
    number: 1,
    scheduledId: 3,
    scheduledAt: 0,
    resource: "arn:aws:lambda:us-east-1:123456789012:function:charge",
    resourceType: "",
    waits: "call",
    requestId: "request",
    startedAt: 0,
    submittedAt: 0,
    heartbeatAt: 0,
    endedId: 0,
    endedAt: 0,
    status: "RUNNING",
    error: "",
    cause: "",
    worker: "",
    child: "",
    ...more,
  };
}
