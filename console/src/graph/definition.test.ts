import { describe, expect, test } from "vitest";
import { modelOf } from "./definition";

const PASS = { Type: "Pass", End: true };

/** A model in a few words: `name` or `box/name` of each node, and its edges. */
function told(definition: unknown, label = "") {
  const { nodes, edges } = modelOf(
    typeof definition === "string" ? definition : JSON.stringify(definition),
    label,
  );
  const names = new Map(nodes.map((node) => [node.id, node.name]));
  const within = (id: string | null) => (id === null ? "" : `${names.get(id)}/`);
  return {
    nodes: nodes.map((node) => `${within(node.parent)}${node.name}`),
    edges: edges.map(({ kind, from, to, label }) =>
      [names.get(from), kind === "next" ? "" : `${kind}${label && ` (${label})`}`, names.get(to)]
        .filter(Boolean)
        .join(" → "),
    ),
  };
}

test("a chain goes from the start to the end in its own order, whatever the order of the text", () => {
  const states = {
    C: { Type: "Succeed" },
    B: { Type: "Wait", Seconds: 1, Next: "C" },
    A: { Type: "Pass", Next: "B" },
  };
  expect(told({ StartAt: "A", States: states })).toEqual({
    nodes: ["Start", "A", "B", "C", "End"],
    edges: ["Start → A", "C → End", "B → C", "A → B"],
  });
});

test("a Choice has an edge for each rule and one for its default, and errors one for each catcher", () => {
  const definition = {
    StartAt: "Choose",
    States: {
      Choose: {
        Type: "Choice",
        Choices: [
          { Variable: "$.total", NumericGreaterThan: 100, Next: "Ask" },
          { Condition: "{% $retry %}", Next: "Choose" },
        ],
        Default: "Ask",
      },
      Ask: { Type: "Task", Resource: "x", End: true, Catch: [{ ErrorEquals: ["A", "B"], Next: "Failed" }] },
      Failed: { Type: "Fail" },
    },
  };
  expect(told(definition).edges).toEqual([
    "Start → Choose",
    "Choose → choice ($.total > 100) → Ask",
    "Choose → choice ($retry) → Choose",
    "Choose → default (otherwise) → Ask",
    "Ask → End",
    "Ask → catch (A, B) → Failed",
  ]);
});

test("branches and processors are in boxes, to any depth, and have no marks of their own", () => {
  const map = { Type: "Map", ItemProcessor: { StartAt: "Item", States: { Item: PASS } }, End: true };
  const old = { Type: "Map", Iterator: { StartAt: "Line", States: { Line: PASS } }, End: true };
  const parallel = {
    Type: "Parallel",
    Branches: [
      { StartAt: "Each", States: { Each: map } },
      { StartAt: "Every", States: { Every: old } },
    ],
    End: true,
  };
  expect(told({ StartAt: "Fork", States: { Fork: parallel } }).nodes).toEqual([
    "Start",
    "Fork",
    "Fork/Branch 1",
    "Branch 1/Each",
    "Each/Item",
    "Fork/Branch 2",
    "Branch 2/Every",
    "Every/Line",
    "End",
  ]);
});

test("a state says its type, what it does, and whether it retries", () => {
  const state = {
    Type: "Task",
    Resource: "arn:aws:lambda:us-east-1:1:function:charge",
    Retry: [{}],
    End: true,
  };
  const node = modelOf(JSON.stringify({ StartAt: "Pay", States: { Pay: state } })).nodes[1];
  expect(node).toMatchObject({
    name: "Pay",
    type: "Task",
    detail: "lambda charge",
    retries: true,
    container: false,
  });
});

describe("the children of a Distributed Map", () => {
  const map = (first: string, more = {}) => ({
    Type: "Map",
    ItemProcessor: { ProcessorConfig: { Mode: "DISTRIBUTED" }, StartAt: first, States: { [first]: PASS } },
    ...more,
  });
  const definition = (...maps: [string, object][]) => ({
    StartAt: "Plain",
    States: Object.fromEntries(maps),
  });
  const whole: [string, object][] = [
    ["Plain", map("one")],
    ["Other", map("two", { Label: "labelled" })],
    ["Has spaces", map("three")],
  ];

  test.each([
    ["labelled", ["Start", "two", "End"]],
    ["Plain", ["Start", "one", "End"]],
    ["0123456789abcdef0123456789abcdef", ["Start", "three", "End"]],
  ])("are found by the label %s", (label, nodes) => {
    expect(told(definition(...whole), label).nodes).toEqual(nodes);
  });

  test("are found in a container", () => {
    const parallel = {
      Type: "Parallel",
      Branches: [{ StartAt: "Deep", States: { Deep: map("item") } }],
      End: true,
    };
    expect(told({ StartAt: "Fork", States: { Fork: parallel } }, "Deep").nodes).toEqual([
      "Start",
      "item",
      "End",
    ]);
  });

  test("cannot be told apart by hashes, so the whole is shown", () => {
    const two = definition(["With spaces", map("one")], ["And more", map("two")]);
    expect(told(two, "0123").nodes).toContain("With spaces");
  });
});

describe("what is no good definition", () => {
  test.each([
    ["no JSON", "{", /no JSON/],
    ["no object", "[1]", /no states/],
    ["no states", '{"StartAt": "A"}', /no states/],
    ["states that are no object", '{"States": [1, 2]}', /no states/],
  ])("%s is told", (_, text, problem) => {
    expect(modelOf(text)).toMatchObject({ nodes: [], problem: expect.stringMatching(problem) });
  });

  test("a Next, a catcher and a StartAt that lead nowhere are shown as such, each once", () => {
    const states = { A: { Type: "Pass", Next: "Gone", Catch: [{ Next: "Gone" }] } };
    const { nodes } = modelOf(JSON.stringify({ StartAt: "Nothing", States: states }));
    expect(nodes.map(({ kind, name }) => [kind, name])).toEqual([
      ["start", "Start"],
      ["state", "A"],
      ["missing", "Nothing"],
      ["missing", "Gone"],
    ]);
  });

  test.each([
    ["an unknown type", { Type: "Teleport", Next: "A" }],
    ["no type", {}],
    ["fields of other types", { Type: "Choice", Choices: "x", Default: 7, Catch: { a: 1 }, Retry: 1 }],
    ["rules that are none", { Type: "Choice", Choices: [null, 1, { And: "x", Next: null }], End: true }],
    ["branches that are none", { Type: "Parallel", Branches: [null, [], { States: 3 }], End: true }],
    ["a null processor", { Type: "Map", ItemProcessor: null, End: true }],
    ["names of Object's own", { Type: "Pass", Next: "__proto__", toString: 1, constructor: 2 }],
    [
      "errors that are no texts",
      { Type: "Task", Resource: 1, Catch: [{ ErrorEquals: [{ toString: 1 }], Next: "A" }] },
    ],
  ])("%s does no harm", (_, state) => {
    expect(told({ StartAt: "A", States: { A: state } }).nodes).toContain("A");
  });

  test("names of Object's own are names like any other", () => {
    const text = '{"StartAt": "__proto__", "States": {"__proto__": {"Type": "Pass", "Next": "constructor"}}}';
    expect(told(text).nodes).toEqual(["Start", "__proto__", "constructor"]);
  });

  test("ten thousand boxes in each other, and a chain as long, do not exhaust the stack", () => {
    const deep = `${'{"StartAt":"A","States":{"A":{"Type":"Map","End":true,"ItemProcessor":'.repeat(10_000)}{}${"}}}".repeat(10_000)}`;
    expect(modelOf(deep).nodes.length).toBeGreaterThan(60);
    const chain = Array.from({ length: 10_000 }, (_, at) => [`S${at}`, { Type: "Pass", Next: `S${at + 1}` }]);
    expect(modelOf(JSON.stringify({ StartAt: "S0", States: Object.fromEntries(chain) })).nodes).toHaveLength(
      10_002,
    );
  });
});
