import { expect, test } from "vitest";
import { distinct, inputProblem, nameProblem } from "./start";

const LARGE = JSON.stringify("é".repeat(131_072));

test.each([
  ["{}", "aws", null],
  ["null", "aws", null],
  ["{", "aws", /no JSON/],
  ["", "aws", /no JSON/],
  [LARGE, "aws", /256\.0 KiB/],
  [LARGE, "extended", null],
])("an input %.10s with limits %s", (text, limits, problem) => {
  const found = inputProblem(text, limits);
  if (problem === null) expect(found).toBeNull();
  else expect(found).toMatch(problem);
});

test.each([
  ["", null],
  ["order-1_é", null],
  ["x".repeat(81), /81 characters/],
  ["a b", /without spaces/],
  ["a/b", /without "\/"/],
  ["a\u0000", /without "\\u0000"/],
])("a name %j", (name, problem) => {
  const found = nameProblem(name);
  if (problem === null) expect(found).toBeNull();
  else expect(found).toMatch(problem);
});

test("inputs that differ in their spaces are one", () => {
  expect(distinct(['{"a":1}', undefined, '{ "a": 1 }', "2"])).toEqual(['{\n  "a": 1\n}', "2"]);
});
