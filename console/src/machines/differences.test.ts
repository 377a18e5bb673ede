import { expect, test } from "vitest";
import { differencesOf } from "./differences";

const PASS = { Type: "Pass", End: true };
const definition = (states: object, more: object = {}) =>
  JSON.stringify({ StartAt: "A", States: states, ...more });
const map = (states: object, more: object = {}) => ({
  Type: "Map",
  ItemProcessor: { StartAt: "X", States: states },
  ...more,
});
const NOTHING = { added: [], removed: [], changed: [], fields: [] };

test("how a definition is written makes no difference", () => {
  const before = '{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}';
  expect(differencesOf(before, '{"States": {"A": {"End": true, "Type": "Pass"}},\n "StartAt": "A"}')).toEqual(
    NOTHING,
  );
});

test.each([
  ["a state more", { A: PASS, B: PASS }, { added: ["B"] }],
  ["another name", { B: PASS }, { added: ["B"], removed: ["A"] }],
  [
    "other fields",
    { A: { Type: "Wait", Seconds: 1, End: true } },
    { changed: [{ state: "A", fields: ["Seconds", "Type"] }] },
  ],
])("%s", (_, states, found) => {
  expect(differencesOf(definition({ A: PASS }), definition(states))).toEqual({ ...NOTHING, ...found });
});

test("what changes in a container is no change of the container", () => {
  const before = definition({ A: map({ X: PASS }) });
  const after = definition({ A: map({ X: { Type: "Succeed" }, Y: PASS }) });
  expect(differencesOf(before, after)).toEqual({
    ...NOTHING,
    added: ["Y"],
    changed: [{ state: "X", fields: ["End", "Type"] }],
  });
});

test("a container's own fields are its own", () => {
  const parallel = (...names: string[]) => ({
    A: { Type: "Parallel", Branches: names.map((name) => ({ StartAt: name, States: { [name]: PASS } })) },
  });
  expect(
    differencesOf(definition({ A: map({}) }), definition({ A: map({}, { MaxConcurrency: 2 }) })).changed,
  ).toEqual([{ state: "A", fields: ["MaxConcurrency"] }]);
  expect(differencesOf(definition(parallel("B")), definition(parallel("B", "C")))).toEqual({
    ...NOTHING,
    added: ["C"],
    changed: [{ state: "A", fields: ["Branches"] }],
  });
});

test("fields beside the states are told, and a broken text does no harm", () => {
  expect(
    differencesOf(definition({ A: PASS }), definition({ A: PASS }, { TimeoutSeconds: 5 })).fields,
  ).toEqual(["TimeoutSeconds"]);
  expect(differencesOf("{", definition({ A: PASS }))).toMatchObject({ added: ["A"], fields: ["StartAt"] });
});
