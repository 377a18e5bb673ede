import { describe, expect, it } from "vitest";
import type { Change } from "../api/types";
import {
  type Filters,
  find,
  fromLocal,
  isFiltered,
  matches,
  NO_FILTERS,
  readFilters,
  toLocal,
  toQuery,
  writeFilters,
} from "./filters";

const NOW = 1_800_000_000;

describe("the address", () => {
  const filters: Filters = {
    machine: "arn:aws:states:us-east-1:123456789012:stateMachine:Orders",
    statuses: ["RUNNING", "FAILED"],
    name: "a b",
    text: "50 % & more",
    from: "24h",
    to: "2026-11-22T08:00:00.000Z",
  };

  it("gives back what was written into it", () => {
    expect(readFilters(new URLSearchParams(writeFilters(filters).toString()))).toEqual(filters);
  });

  it("leaves out what does not filter", () => {
    expect(writeFilters(NO_FILTERS).toString()).toBe("");
    expect(find({ statuses: ["FAILED"] })).toBe("/executions?status=FAILED");
    expect([isFiltered(NO_FILTERS), isFiltered(filters)]).toEqual([false, true]);
  });

  it.each([
    ["status=NOPE", { statuses: [] }],
    ["status=FAILED,NOPE,RUNNING", { statuses: ["RUNNING", "FAILED"] }],
    ["from=yesterday", { from: "" }],
    ["from=7d&to=7d", { from: "7d", to: "" }],
    ["from=constructor", { from: "" }],
  ])("%s is read as far as it makes sense", (search, expected) => {
    expect(readFilters(new URLSearchParams(search))).toMatchObject(expected);
  });
});

it("a field for local times gives back the moment, to the minute", () => {
  const moment = "2026-11-22T08:15:00.000Z";
  expect(fromLocal(toLocal(moment))).toBe(moment);
  expect([toLocal(""), fromLocal(""), toLocal("1h")]).toEqual(["", "", ""]);
});

it.each([
  [{ from: "1h" }, NOW - 3600, null],
  [{ from: "2027-01-15T08:00:00.000Z" }, NOW, null],
  [{ to: "2027-01-15T08:00:00.000Z" }, null, NOW],
])("%o is asked of the server in seconds", (filters, startedFrom, startedBefore) => {
  expect(toQuery({ ...NO_FILTERS, ...filters }, NOW)).toMatchObject({ startedFrom, startedBefore });
});

describe("news", () => {
  const change = {
    executionArn: "arn",
    stateMachineArn: "machine",
    name: "Order-7",
    status: "RUNNING",
    startedAt: NOW - 60,
    mapRun: "",
  } as Change;

  it.each<[Partial<Filters>, Partial<Change>, boolean]>([
    [{}, {}, true],
    [{}, { mapRun: "run" }, false],
    [{ machine: "machine" }, {}, true],
    [{ machine: "other" }, {}, false],
    [{ statuses: ["FAILED"] }, {}, false],
    [{ statuses: ["FAILED", "RUNNING"] }, {}, true],
    [{ name: "order" }, {}, true],
    [{ name: "r-8" }, {}, false],
    [{ from: "1h" }, {}, true],
    [{ from: "1h" }, { startedAt: NOW - 3601 }, false],
    [{ to: new Date((NOW - 60) * 1000).toISOString() }, {}, false],
    [{ to: new Date((NOW - 59) * 1000).toISOString() }, {}, true],
  ])("with %o, %o match: %s", (filters, changes, expected) => {
    expect(matches({ ...change, ...changes }, { ...NO_FILTERS, ...filters }, NOW)).toBe(expected);
  });
});
