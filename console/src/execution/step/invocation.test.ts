import { describe, expect, it } from "vitest";
import { anAttempt } from "../fixtures";
import { functionOf, linesOf } from "./invocation";

const ARN = "arn:aws:lambda:us-east-1:123456789012:function:charge";

describe("functionOf", () => {
  it.each([
    [ARN, "charge"],
    [`${ARN}:live`, "charge"],
    [`${ARN}:$LATEST`, "charge"],
  ])("an attempt on %s", (resource, name) => {
    expect(functionOf(anAttempt({ resource }), undefined)).toBe(name);
  });

  it.each([
    [`{"FunctionName":"${ARN}:7"}`, "charge"],
    ['{"FunctionName":"charge"}', "charge"],
    ['{"FunctionName":"charge:live"}', "charge"],
    ['{"FunctionName":"123456789012:function:charge"}', "charge"],
    ['{"FunctionName":7}', null],
    ["{}", null],
    [null, null],
  ])("an invoke with %s", (text, name) => {
    const detail = { number: 1, input: { bytes: 1, text }, output: null, submitted: null, token: null };
    expect(functionOf(anAttempt({ resource: "invoke", resourceType: "lambda" }), detail)).toBe(name);
  });
});

describe("linesOf", () => {
  const stream = ["END Request #a", "START Request #b", "hello", "REPORT Request #b", "START Request #c"];
  const lines = stream.map((message, timestamp) => ({ timestamp, message }));
  const shown = (id: string, ended: boolean) => linesOf(id, lines, ended).map(({ message }) => message);

  it("are those between the first and the last that name the request", () => {
    expect(shown("#b", true)).toEqual(["START Request #b", "hello", "REPORT Request #b"]);
  });
  it("reach to the end while it runs", () => {
    expect(shown("#c", false)).toEqual(["START Request #c"]);
  });
  it("are none of a request that has not logged", () => {
    expect(shown("#d", true)).toEqual([]);
  });
});
