import { describe, expect, it } from "vitest";
import { readsOf } from "./expressions";
import type { Evaluation } from "./order";
import { stagesOf } from "./stages";

const json = JSON.stringify;

function stages(fields: object, reply: object, more: Partial<Evaluation> = {}) {
  return stagesOf({
    fields: { ...fields },
    jsonata: false,
    outcome: { kind: "none" },
    variables: "{}",
    reply: { status: "SUCCEEDED", ...reply },
    probed: new Map(),
    ...more,
  });
}

const order = (found: ReturnType<typeof stages>) => found.map(({ field }) => field);
const lines = (found: ReturnType<typeof stages>) =>
  found.flatMap((stage) =>
    stage.lines.map(({ path, reads, value }) => [stage.field, path, reads.join(), value]),
  );

const TASK = {
  OutputPath: "$.x",
  ResultPath: "$.r",
  Assign: { "seen.$": "$.id" },
  ResultSelector: { "id.$": "$.Payload.id" },
  Parameters: { "n.$": "$.a[0]", deep: { "who.$": "$$.Execution.Name" }, fixed: "$.a" },
  InputPath: "$.in",
  Type: "Task",
};

describe("stages in JSONPath", () => {
  it("come in AWS's order, each with what its expressions read and gave", () => {
    const found = stages(
      TASK,
      {
        output: json("out"),
        inspectionData: {
          afterInputPath: json({ a: [7] }),
          afterParameters: json({ n: 7, deep: { who: "one" }, fixed: "$.a" }),
          result: json({ Payload: { id: 3 } }),
          afterResultSelector: json({ id: 3 }),
          afterResultPath: json({ r: { id: 3 } }),
          variables: json({ seen: 3, old: 1 }),
        },
      },
      { outcome: { kind: "result", result: json({ Payload: { id: 3 } }) } },
    );
    expect(order(found)).toEqual([
      "InputPath",
      "Parameters",
      "Result",
      "ResultSelector",
      "ResultPath",
      "Assign",
      "OutputPath",
    ]);
    expect(lines(found)).toEqual([
      ["InputPath", "", "the input", json({ a: [7] })],
      ["Parameters", "n.$", "what InputPath gave", "7"],
      ["Parameters", "deep.who.$", "context object", '"one"'],
      ["ResultSelector", "id.$", "the result", "3"],
      ["ResultPath", "", "the input and what ResultSelector gave", json({ r: { id: 3 } })],
      ["Assign", "seen.$", "the result", "3"],
      ["OutputPath", "", "what the stages before gave", '"out"'],
    ]);
  });

  it("show the first of a Map's items", () => {
    const found = stages(
      { Type: "Map", ItemSelector: { "v.$": "$$.Map.Item.Value" }, ItemsPath: "$.l" },
      { inspectionData: { afterItemsPath: "[5,6]", afterItemSelector: '[{"v":5},{"v":6}]' } },
    );
    expect(lines(found)).toEqual([
      ["ItemsPath", "", "the input", "[5,6]"],
      ["ItemSelector", "v.$", "context object", "5"],
    ]);
    expect(found[1]?.note).toBe("Values are those of the first of 2 items.");
  });

  it.each([
    ["the only rule that leads there", { Default: "B" }, "A", "Rule 1 holds and leads to A."],
    ["Default", { Default: "B" }, "B", "No rule holds: Default leads to B."],
    ["more than one way", { Default: "A" }, "A", "It goes on with A; more than one rule leads there."],
  ])("say of a Choice: %s", (_, fields, nextState, note) => {
    const Choices = [{ Variable: "$.n", IsNull: true, Next: "A" }];
    const probed = new Map([["Choices[0].Variable", { value: "4" }]]);
    const [choices] = stages({ Type: "Choice", Choices, ...fields }, { nextState }, { probed });
    expect(choices).toMatchObject({ note, lines: [{ path: "[0].Variable", value: "4" }] });
  });

  it("say the error where it arose, and reach nothing after it", () => {
    const found = stages(
      TASK,
      {
        status: "FAILED",
        error: "States.Runtime",
        cause: "The JSONPath '$.a[0]' specified for the field 'n.$' could not be found",
        inspectionData: { afterInputPath: "{}" },
      },
      { outcome: { kind: "result", result: "1" } },
    );
    expect(found.map(({ field, value, error }) => [field, value, error !== null]).slice(0, 4)).toEqual([
      ["InputPath", "{}", false],
      ["Parameters", null, true],
      ["Result", null, false],
      ["ResultSelector", null, false],
    ]);
  });

  it("are a catcher's own after an error", () => {
    const found = stages(
      { Type: "Task", ResultPath: "$.r", Catch: [{ Next: "X" }, { ResultPath: "$.e", Next: "Y" }] },
      {
        status: "CAUGHT_ERROR",
        error: "Broken",
        nextState: "Y",
        output: "{}",
        inspectionData: { errorDetails: { catchIndex: 1 } },
      },
      { outcome: { kind: "error", error: "Broken", cause: "" } },
    );
    expect(found.map(({ field, fragment, error }) => [field, fragment?.replace(/\s/g, ""), error])).toEqual([
      ["Result", undefined, { error: "Broken", cause: "" }],
      ["Catch", '{"ResultPath":"$.e","Next":"Y"}', null],
      ["ResultPath", '"$.e"', null],
    ]);
  });

  it("tell which retrier would try again, and when", () => {
    const found = stages(
      { Type: "Task", Retry: [{ MaxAttempts: 1 }] },
      {
        status: "RETRIABLE",
        error: "Broken",
        inspectionData: { errorDetails: { retryIndex: 0, retryBackoffIntervalSeconds: 4 } },
      },
      { outcome: { kind: "error", error: "Broken", cause: "" } },
    );
    expect(found[1]?.note).toBe("Retrier 1 takes the error. The next attempt would start after 4 s.");
  });
});

describe("stages in JSONata", () => {
  const jsonata = { jsonata: true, variables: json({ limit: 3 }) };

  it("come in AWS's order, each with what its expressions read and gave", () => {
    const found = stages(
      {
        Type: "Task",
        Output: "{% $states.result.r %}",
        Assign: { seen: "{% $limit + 1 %}", list: ["x", "{% $states.input.n %}"] },
        Arguments: { n: "{% $states.input.n & ' $limit ' %}" },
        TimeoutSeconds: "{% $limit %}",
      },
      {
        output: "9",
        inspectionData: {
          afterArguments: json({ n: 1 }),
          result: json({ r: 9 }),
          variables: json({ limit: 3, seen: 4, list: ["x", 1] }),
        },
      },
      {
        ...jsonata,
        outcome: { kind: "result", result: json({ r: 9 }) },
        probed: new Map([["TimeoutSeconds", { value: "3" }]]),
      },
    );
    expect(order(found)).toEqual(["Arguments", "TimeoutSeconds", "Result", "Assign", "Output"]);
    expect(lines(found)).toEqual([
      ["Arguments", "n", "$states.input", "1"],
      ["TimeoutSeconds", "", "$limit", "3"],
      ["Assign", "seen", "$limit", "4"],
      ["Assign", "list[1]", "$states.input", "1"],
      ["Output", "", "$states.result", "9"],
    ]);
  });

  it("take the Assign and Output of the rule that held", () => {
    const Choices = [
      { Condition: "{% false %}", Next: "A", Output: 0 },
      { Condition: "{% $limit > 2 %}", Next: "A", Output: { l: "{% $limit %}" } },
    ];
    const found = stages(
      { Type: "Choice", Choices, Assign: { never: 1 } },
      { nextState: "A", output: json({ l: 3 }) },
      {
        ...jsonata,
        probed: new Map([
          ["Choices[0].Condition", { value: "false" }],
          ["Choices[1].Condition", { value: "true" }],
        ]),
      },
    );
    expect(order(found)).toEqual(["Choices", "Output"]);
    expect(found[0]?.note).toBe("Rule 2 holds and leads to A.");
    expect(lines(found).at(-1)).toEqual(["Output", "l", "$limit", "3"]);
  });

  it("are Error and Cause for a Fail", () => {
    const found = stages(
      { Type: "Fail", Error: "E", Cause: "{% 'c' %}" },
      { status: "FAILED", error: "E", cause: "c" },
      jsonata,
    );
    expect(found.map(({ field, value, error }) => [field, value, error])).toEqual([
      ["Error", '"E"', null],
      ["Cause", '"c"', null],
    ]);
  });
});

describe("readsOf", () => {
  it.each([
    ["{% $states.input.a + $v %}", true, ["$states.input", "$v"]],
    ["{% '$v' & \"$states.result\" %}", true, []],
    ["{% $sum([1]) %}", true, []],
    ["$", false, ["before"]],
    ["$.a", false, ["before"]],
    ["$$.State.Name", false, ["context object"]],
    ["$v.a[0]", false, ["$v"]],
    ["States.Format('{} $.x', $.a, $v)", false, ["before", "$v"]],
  ])("%s", (text, jsonata, reads) => {
    expect(readsOf(text, jsonata, ["v"], "before")).toEqual(reads);
  });
});
