import { expect, test } from "vitest";
import { placesOf, stateAt } from "./places";

const TEXT = `{
  "StartAt": "Fork",
  "States": {
    "Fork": {
      "Type": "Parallel",
      "Branches": [
        {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "Result": {"States": {"no": 1}}}}},
        {"StartAt": "Each", "States": {"Each": {"ItemProcessor": {"States": {"Item \\"1\\"": {"Type": "Pass"}}}}}}
      ]
    },
    "Old": {"Iterator": {"States": {"Line": {}}}}
  }
}`;

test("every state has its place, and what only looks like one has none", () => {
  expect(placesOf(TEXT).map(({ state }) => state)).toEqual([
    "Fork",
    "Left",
    "Each",
    'Item "1"',
    "Old",
    "Line",
  ]);
});

test.each([
  ['"StartAt": "Fork"', null],
  ['"Type": "Parallel"', "Fork"],
  ['"Result"', "Left"],
  ['"Item ', 'Item "1"'],
  ['"Line"', "Line"],
  ['"Old"', "Old"],
])("the caret at %s is in %s", (part, state) => {
  expect(stateAt(placesOf(TEXT), TEXT.indexOf(part))).toBe(state);
});

test.each([
  ["nothing", ""],
  ["an object that has only begun", "{"],
  ["no object", "[1]"],
  ["a state that has only begun", '{"States": {"A": {"Type"'],
  ["states that are none", '{"States": 1}'],
  ["twenty thousand brackets", "[".repeat(20_000)],
])("%s does no harm", (_, text) => {
  expect(placesOf(text).length).toBeLessThan(2);
});
