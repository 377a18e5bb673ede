import { describe, expect, it } from "vitest";
import { eventRow, matches, windowOf } from "./events";

const row = (event: object) =>
  eventRow({ frame: 1, event: { id: 7, timestamp: 1.5, previousEventId: 6, ...event } });

describe("eventRow", () => {
  it.each([
    [
      "an input",
      { type: "PassStateEntered", stateEnteredEventDetails: { name: "A", input: '{"a": 1}' } },
      '{"a": 1}',
    ],
    ["an error with its cause", { lambdaFunctionFailedEventDetails: { cause: "no", error: "E" } }, "E: no"],
    [
      "a resource alone",
      { taskStartedEventDetails: { resource: "invoke", resourceType: "lambda" } },
      "invoke",
    ],
    ["nothing where there are no details", { type: "LambdaFunctionStarted" }, ""],
    ["one line of many", { executionStartedEventDetails: { input: '{\n  "a": 1\n}' } }, '{ "a": 1 }'],
  ])("says %s", (_, event, brief) => {
    expect(row(event).brief).toBe(brief);
  });

  it("keeps no more of a payload than it shows", () => {
    expect(row({ stateExitedEventDetails: { output: "x".repeat(1e6) } }).brief).toHaveLength(160);
  });
});

it.each([
  [1, 1],
  [500, 1],
  [501, 501],
])("the event %s is in the window that starts with %s", (id, start) => {
  expect(windowOf(id)).toBe(start);
});

it.each([
  ["failed charge", true],
  ["FAILED", true],
  ["declined", true],
  ["failed ship", false],
])("a filter wants all its words: %s", (filter, found) => {
  const failed = row({
    type: "LambdaFunctionFailed",
    lambdaFunctionFailedEventDetails: { error: "Declined" },
  });
  expect(matches(failed, "Charge", filter)).toBe(found);
});
