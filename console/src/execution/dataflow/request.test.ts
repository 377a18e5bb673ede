import { describe, expect, it } from "vitest";
import type { Data, Step, StepDetail } from "../../api/types";
import { FieldError, probeRequest, probesOf, recorded, type Subject, testStateRequest } from "./request";

const data = (value: unknown): Data => ({ bytes: 1, text: JSON.stringify(value) });
const FAILED = { error: "Broken", cause: "it broke" };

const DEFINITION = JSON.stringify({
  StartAt: "Call",
  States: {
    Call: { Type: "Task", Resource: "arn:aws:states:::lambda:invoke", Next: "Pause" },
    Pause: { Type: "Wait", SecondsPath: "$.s", OutputPath: "$.o", Next: "All" },
    All: {
      Type: "Map",
      ItemReader: { ReaderConfig: { InputType: "CSV" } },
      ItemProcessor: {
        StartAt: "Inner",
        States: { Inner: { Type: "Pass", QueryLanguage: "JSONata", Output: "{% 1 %}", End: true } },
      },
      End: true,
    },
  },
});

const step = (more: object) =>
  ({
    name: "Call",
    type: "Task",
    attempts: [],
    retries: [],
    error: "",
    cause: "",
    ...more,
  }) as unknown as Step;

const detail = (more: object) =>
  ({
    input: data({ n: 1 }),
    variablesBefore: data({ v: 2 }),
    context: data({ Execution: { Name: "one" }, Map: { Item: {} } }),
    retryCount: 3,
    attempts: [],
    result: null,
    output: null,
    step: { mapRun: "" },
    ...more,
  }) as unknown as StepDetail;

describe("recorded", () => {
  it.each([
    [
      "the result of an attempt",
      { attempts: [{ error: "" }] },
      { attempts: [{ output: data(7) }] },
      { kind: "result", result: "7" },
    ],
    [
      "the error of an attempt",
      { attempts: [FAILED] },
      { attempts: [{ output: null }], result: data(7) },
      { kind: "error", ...FAILED },
    ],
    [
      "the result of branches",
      { type: "Parallel" },
      { result: data([7]) },
      { kind: "result", result: "[7]" },
    ],
    [
      "the output of a Map Run that is passed on",
      { name: "All", type: "Map" },
      { step: { mapRun: "arn" }, output: data([7]) },
      { kind: "result", result: "[7]" },
    ],
    ["an error before the call", FAILED, {}, { kind: "error", ...FAILED }],
    ["nothing yet", {}, {}, { kind: "none" }],
    ["no outcome of a Pass", { type: "Pass" }, { result: data(7) }, { kind: "none" }],
  ])("takes %s", (_, of, read, outcome) => {
    expect(recorded(DEFINITION, step(of), detail(read), 0).outcome).toEqual(outcome);
  });

  it("counts the retries of the retrier that took the attempt's error", () => {
    const attempts = [1, 4, 9].map((at) => ({ ...FAILED, scheduledAt: at, endedAt: at + 1 }));
    const retries = [
      { at: 2, retrier: 1, attempt: 1 },
      { at: 5, retrier: 0, attempt: 1 },
    ];
    const counts = [0, 1, 2].map(
      (attempt) => recorded(DEFINITION, step({ attempts, retries }), detail({}), attempt).retryCount,
    );
    expect(counts).toEqual([0, 0, 3]);
  });

  it("refuses what was too large to be kept, and a state that is not there", () => {
    expect(() => recorded(DEFINITION, step({}), detail({ input: { bytes: 9, text: null } }), 0)).toThrow(
      FieldError,
    );
    expect(() => recorded(DEFINITION, step({ name: "Gone" }), detail({}), 0)).toThrow("no state 'Gone'");
  });
});

function subject(name: string, more: Partial<Subject> = {}): Subject {
  return { ...recorded(DEFINITION, step({ name }), detail({}), 0), ...more };
}

describe("testStateRequest", () => {
  it("mocks a Task, with its context but for the Map", () => {
    const request = testStateRequest(subject("Call", { outcome: { kind: "result", result: "7" } }));
    expect(request).toMatchObject({
      stateName: "Call",
      input: '{"n":1}',
      variables: '{"v":2}',
      mock: { result: "7", fieldValidationMode: "NONE" },
      context: '{"Execution":{"Name":"one"}}',
      stateConfiguration: { retrierRetryCount: 3 },
    });
    expect(JSON.parse(request.definition ?? "")).toEqual(JSON.parse(DEFINITION));
  });

  it("never calls: without an outcome there is no request", () => {
    expect(() => testStateRequest(subject("Call"))).toThrow("nothing is called");
  });

  it("never waits: a Wait is evaluated as a Pass", () => {
    const request = testStateRequest(subject("Pause"));
    expect(JSON.parse(request.definition ?? "").States.Pause).toEqual({
      Type: "Pass",
      OutputPath: "$.o",
      Next: "All",
    });
    expect(request).not.toHaveProperty("mock");
    expect(request).not.toHaveProperty("context");
  });

  it("gives a Map's reader nothing to read", () => {
    const request = testStateRequest(subject("All", { outcome: { kind: "error", ...FAILED } }));
    expect(request.stateConfiguration).toMatchObject({ mapItemReaderData: "" });
    expect(request.mock).toEqual({ errorOutput: FAILED, fieldValidationMode: "NONE" });
  });

  it("puts an edited state where the recorded one is, also within a Map", () => {
    const request = testStateRequest(subject("Inner", { fragment: '{"Type":"Succeed"}' }));
    const { All } = JSON.parse(request.definition ?? "").States;
    expect(All.ItemProcessor.States.Inner).toEqual({ Type: "Succeed" });
  });

  it.each([
    ["fragment", "{"],
    ["fragment", "[]"],
    ["input", "{"],
    ["variables", ""],
  ])("says that %s is wrong", (field, text) => {
    try {
      testStateRequest(subject("Inner", { [field]: text }));
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ name: "FieldError", field });
    }
  });
});

describe("probesOf", () => {
  it("finds the paths that rules compare, at any depth", () => {
    const Choices = [
      {
        And: [{ Variable: "$.a", NumericGreaterThanPath: "$.b" }, { Not: { Variable: "$.c", IsNull: true } }],
        Next: "X",
      },
    ];
    expect(probesOf({ Type: "Choice", Choices }, false)).toEqual([
      { path: ["Choices", 0, "And", 0, "Variable"], text: "$.a" },
      { path: ["Choices", 0, "And", 0, "NumericGreaterThanPath"], text: "$.b" },
      { path: ["Choices", 0, "And", 1, "Not", "Variable"], text: "$.c" },
    ]);
  });

  it("finds conditions, times and items in JSONata, not what rules assign", () => {
    const fields = {
      Choices: [{ Condition: "{% $a %}", Assign: { b: "{% $c %}" }, Next: "X" }],
      TimeoutSeconds: "{% 5 %}",
      HeartbeatSeconds: 3,
      Items: "{% [1] %}",
    };
    expect(probesOf(fields, true).map(({ text }) => text)).toEqual(["{% 5 %}", "{% [1] %}", "{% $a %}"]);
  });

  it("asks for them as the argument of a Task that is not called", () => {
    const request = probeRequest(subject("Pause"), { path: ["SecondsPath"], text: "$.s" });
    expect(JSON.parse(request.definition ?? "")).toMatchObject({
      Type: "Task",
      Parameters: { "value.$": "$.s" },
    });
    expect(request.mock).toEqual({ result: "null", fieldValidationMode: "NONE" });
  });
});
