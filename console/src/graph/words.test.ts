import { expect, test } from "vitest";
import { conditionText, cut, detailText } from "./words";

test.each([
  [{ Variable: "$.total", NumericGreaterThan: 100 }, "$.total > 100"],
  [{ Variable: "$.a", NumericLessThanEqualsPath: "$.b" }, "$.a ≤ $.b"],
  [{ Variable: "$.a", StringEquals: "x" }, '$.a = "x"'],
  [{ Variable: "$.a", StringMatches: "log-*" }, '$.a matches "log-*"'],
  [{ Variable: "$.a", IsPresent: true }, "$.a is present"],
  [{ Variable: "$.a", IsNull: false }, "$.a is not null"],
  [{ Not: { Variable: "$.a", BooleanEquals: true } }, "not ($.a = true)"],
  [
    {
      And: [
        { Variable: "$.a", IsString: true },
        {
          Or: [
            { Variable: "$.b", IsNull: true },
            { Variable: "$.c", NumericEquals: 1 },
          ],
        },
      ],
    },
    "$.a is a string and ($.b is null or $.c = 1)",
  ],
  [{ Condition: "{% $states.input.total > 100 %}" }, "$states.input.total > 100"],
  [{ Condition: true }, ""],
  [{ Variable: "$.a", Unheard: 1 }, "$.a"],
])("the condition %j is %s", (rule, text) => {
  expect(conditionText(rule)).toBe(text);
});

test("conditions in conditions are cut", () => {
  const deep = Array.from({ length: 50 }).reduce<object>((rule) => ({ Not: rule }), {});
  expect(conditionText(deep as Record<string, unknown>)).toContain("…");
});

const LAMBDA = "arn:aws:states:::lambda:invoke.waitForTaskToken";

test.each([
  [{ Type: "Task", Resource: "arn:aws:lambda:us-east-1:1:function:charge:live" }, "lambda charge"],
  [{ Type: "Task", Resource: LAMBDA, Parameters: { FunctionName: "charge" } }, "lambda charge"],
  [
    { Type: "Task", Resource: LAMBDA, Arguments: { FunctionName: "{% $f %}" } },
    "lambda:invoke.waitForTaskToken",
  ],
  [{ Type: "Task", Resource: "arn:aws:states:us-east-1:1:activity:paint" }, "activity:paint"],
  [{ Type: "Task", Resource: "arn:aws:states:::aws-sdk:s3:getObject" }, "aws-sdk:s3:getObject"],
  [{ Type: "Task", Resource: "something" }, "something"],
  [{ Type: "Wait", Seconds: 5 }, "5 s"],
  [{ Type: "Wait", SecondsPath: "$.s" }, "$.s"],
  [{ Type: "Wait", Seconds: "{% $s %}" }, "$s"],
  [{ Type: "Wait", Timestamp: "2030-01-01T00:00:00Z" }, "until 2030-01-01T00:00:00Z"],
  [{ Type: "Fail", Error: "Card.Declined" }, "Card.Declined"],
  [{ Type: "Map" }, "inline"],
  [{ Type: "Map", ItemProcessor: { ProcessorConfig: { Mode: "DISTRIBUTED" } } }, "distributed"],
  [{ Type: "Pass" }, ""],
])("the detail of %j is %s", (state, text) => {
  expect(detailText(state)).toBe(text);
});

test("a text is cut to one line", () => {
  expect(cut(" a\n b ")).toBe("a b");
  expect(cut("x".repeat(50), 10)).toBe(`${"x".repeat(9)}…`);
});
