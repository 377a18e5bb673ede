import type { Change, ExecutionItem, ExecutionPage } from "../api/types";

/** Executions for tests: the `startedAt`-th second's, which is its name too. */
export function item(startedAt: number, more: Partial<ExecutionItem> = {}): ExecutionItem {
  return {
    executionArn: `arn:${startedAt}`,
    stateMachineArn: "machine",
    name: String(startedAt),
    status: "RUNNING",
    startedAt,
    stoppedAt: null,
    error: null,
    cause: null,
    version: null,
    alias: null,
    redriveCount: 0,
    redrivenAt: null,
    mapRun: null,
    item: null,
    warnings: [],
    ...more,
  };
}

export function change(startedAt: number, more: Partial<Change> = {}): Change {
  return {
    executionArn: `arn:${startedAt}`,
    stateMachineArn: "machine",
    name: String(startedAt),
    status: "RUNNING",
    startedAt,
    eventId: 2,
    stoppedAt: 0,
    mapRun: "",
    redriveCount: 0,
    error: "",
    cause: "",
    ...more,
  };
}

/** A page of those seconds' executions, with older ones before the place `before`. */
export function page(seconds: number[], before: number | null = null): ExecutionPage {
  return {
    executions: seconds.map((second) => item(second)),
    before,
    searchedTo: before === null ? null : (seconds.at(-1) ?? before),
  };
}
