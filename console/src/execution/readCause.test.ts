import { expect, it } from "vitest";
import { briefCause, readCause } from "./readCause";

const TRACE = ['  File "/var/task/app.py", line 35, in handler\n    raise Declined()\n', "  File again\n"];

it.each([
  ["a text", "card declined", { message: "card declined", trace: "", json: "" }],
  ["nothing", "", { message: "", trace: "", json: "" }],
  [
    "Python's",
    JSON.stringify({ errorMessage: "no", errorType: "Declined", stackTrace: TRACE }),
    {
      message: "no",
      trace: '  File "/var/task/app.py", line 35, in handler\n    raise Declined()\n  File again',
      json: "",
    },
  ],
  [
    "Node.js's",
    JSON.stringify({ errorMessage: "no", trace: ["Error: no", "    at handler"] }),
    { message: "no", trace: "Error: no\n    at handler", json: "" },
  ],
  [
    "that of a nested execution",
    '{"Error":"E","Cause":"inner"}',
    { message: "inner", trace: "", json: '{\n  "Error": "E",\n  "Cause": "inner"\n}' },
  ],
  ["JSON that is no object", "[1]", { message: "[1]", trace: "", json: "" }],
  ["JSON of odd members", '{"errorMessage":"no","stackTrace":7}', { message: "no", trace: "", json: "" }],
])("reads %s", (_, text, cause) => {
  expect(readCause(text)).toEqual(cause);
});

it.each([
  ['{"errorMessage": "the \\"card\\" was declined", "errorType": "Declined"}', 'the "card" was declined'],
  ['{"errorType":"E","errorMessage":"cut off later","trace":["a', "cut off later"],
  ['{"errorMessage": "cut off he', '{"errorMessage": "cut off he'],
  ['{"errorMessage": "no escape \\x"}', '{"errorMessage": "no escape \\x"}'],
  ["It was stopped.", "It was stopped."],
])("%s is %s in a line", (text, line) => {
  expect(briefCause(text)).toBe(line);
});
