import ELK from "elkjs/lib/elk.bundled.js";
import { expect, test } from "vitest";
import { modelOf } from "./definition";
import { fromElk, type Layout, type Placed, pathOf, toElk } from "./layout";
import { extentOf, firstView, viewOf } from "./view";

async function laidOut(definition: object): Promise<Layout> {
  const model = modelOf(JSON.stringify(definition));
  return fromElk(model, await new ELK().layout(toElk(model)));
}

const PASS = { Type: "Pass", End: true };
const BRANCH = (name: string) => ({ StartAt: name, States: { [name]: PASS } });

function at(layout: Layout, name: string): Placed {
  const found = layout.nodes.find(({ node }) => node.name === name);
  if (found === undefined) throw new Error(`no node ${name}`);
  return found;
}

test("states follow each other downwards, and what is in a box is inside it, on one canvas", async () => {
  const layout = await laidOut({
    StartAt: "First",
    States: {
      First: { Type: "Pass", Next: "Fork" },
      Fork: { Type: "Parallel", Branches: [BRANCH("Left"), BRANCH("Right")], End: true },
    },
  });
  const [first, fork, left, right] = ["First", "Fork", "Left", "Right"].map((name) =>
    at(layout, name),
  ) as Placed[];
  expect(first && fork && fork.y >= first.y + first.height).toBe(true);
  for (const inner of [left, right]) {
    expect(inner && fork && inner.x > fork.x && inner.x + inner.width < fork.x + fork.width).toBe(true);
    expect(inner && fork && inner.y > fork.y && inner.y + inner.height < fork.y + fork.height).toBe(true);
    expect(inner?.depth).toBe(2);
  }
  expect(left && right && left.x + left.width <= right.x).toBe(true);
});

test("an edge begins and ends at its nodes, also inside a box, and its label has a place", async () => {
  const inside = {
    StartAt: "Choose",
    States: { Choose: { Type: "Choice", Choices: [{ Condition: "{% $a %}", Next: "Go" }] }, Go: PASS },
  };
  const layout = await laidOut({
    StartAt: "Each",
    States: { Each: { Type: "Map", ItemProcessor: inside, End: true } },
  });
  const edge = layout.edges.find(({ edge }) => edge.kind === "choice");
  const [choose, go] = [at(layout, "Choose"), at(layout, "Go")];
  expect(edge?.points[0]?.y).toBeCloseTo(choose.y + choose.height, 0);
  expect(edge?.points.at(-1)?.y).toBeCloseTo(go.y, 0);
  expect(edge?.label).toBe("$a");
  expect(edge?.labelAt?.y).toBeGreaterThan(choose.y + choose.height);
});

test("a path rounds its corners, by half of a short way at most", () => {
  const points = [
    { x: 0, y: 0 },
    { x: 0, y: 40 },
    { x: 6, y: 40 },
  ];
  expect(pathOf(points)).toBe("M0 0L0 32Q0 40 3 40L6 40");
  expect(pathOf([])).toBe("");
});

const node = (y: number, height = 60) => ({ x: 0, y, width: 200, height }) as Placed;
const PANE = { width: 400, height: 400 };

test("a small graph is shown whole, a large one from its beginning", () => {
  expect(firstView({ nodes: [node(0), node(500)], edges: [] }, PANE).zoom).toBeCloseTo(352 / 560);
  const large = { nodes: [node(0), node(50_000)], edges: [] };
  expect(firstView(large, PANE)).toEqual({ x: 120, y: 24, zoom: 0.8 });
  expect(extentOf(large)).toEqual({ width: 200, height: 50_060 });
});

test("a node that can be read stays where it is, another is brought into sight", () => {
  const view = { x: 0, y: 0, zoom: 1 };
  expect(viewOf(node(100), view, PANE)).toBe(view);
  const moved = viewOf(node(1000), view, PANE);
  expect(1000 + moved.y).toBeCloseTo(400 / 3);
  expect(viewOf(node(100), { x: 0, y: 0, zoom: 0.01 }, PANE).zoom).toBe(0.8);
});
