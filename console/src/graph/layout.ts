import type { ElkExtendedEdge, ElkNode, LayoutOptions } from "elkjs/lib/elk-api";
import type { GraphEdge, GraphNode, Model } from "./definition";
import { cut } from "./words";

export interface Point {
  x: number;
  y: number;
}

/** A node with its place on the whole canvas, in pixels. `depth` is how many boxes it is in. */
export interface Placed {
  node: GraphNode;
  x: number;
  y: number;
  width: number;
  height: number;
  depth: number;
}

/** An edge with its corners. `label` is what there is room for. */
export interface Drawn {
  edge: GraphEdge;
  points: Point[];
  label: string;
  labelAt: Point | null;
  depth: number;
}

export interface Layout {
  nodes: Placed[];
  edges: Drawn[];
}

/** Characters are about this wide in the graph's fonts. Nothing is measured: the layout runs where there is no page. */
const CHARACTER = { name: 8.3, detail: 6.4, label: 6.6 };
/** What stands beside the texts: the sign of the type, and the marks of status and retries. */
const BESIDE = 98;
const STATE = { min: 176, max: 312, height: 58 };
const MARK = { width: 64, height: 28 };
const BOX_PADDING = "[top=74,left=20,bottom=20,right=20]";
const BRANCH_PADDING = "[top=16,left=16,bottom=16,right=16]";

/** With more nodes ELK tries less often to find fewer crossings: it takes half the time. */
const LARGE = 300;

const ALONG: LayoutOptions = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.spacing.nodeNode": "28",
  "elk.spacing.edgeNode": "20",
  "elk.spacing.edgeEdge": "14",
  "elk.layered.spacing.nodeNodeBetweenLayers": "40",
  "elk.layered.spacing.edgeNodeBetweenLayers": "16",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "12",
  // The model's order is that of a walk, so an edge against it leads back.
  "elk.layered.cycleBreaking.strategy": "MODEL_ORDER",
  "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
  "elk.layered.nodePlacement.bk.fixedAlignment": "BALANCED",
};

/** Branches stand side by side, in their order. */
const SIDE_BY_SIDE: LayoutOptions = {
  "elk.algorithm": "rectpacking",
  "elk.spacing.nodeNode": "16",
  "elk.aspectRatio": "2.5",
};

/** What ELK is asked. */
export function toElk(model: Model): ElkNode {
  const children = byParent(model.nodes);
  const edges = byParent(model.edges);
  const within = (parent: string | null): Pick<ElkNode, "children" | "edges"> => ({
    children: (children.get(parent) ?? []).map((node) => ({
      id: node.id,
      ...sized(node),
      ...within(node.id),
    })),
    edges: (edges.get(parent) ?? []).map(asked),
  });
  const hasty: LayoutOptions = model.nodes.length > LARGE ? { "elk.layered.thoroughness": "2" } : {};
  return { id: "root", layoutOptions: { ...ALONG, ...hasty }, ...within(null) };
}

function byParent<Item extends { parent: string | null }>(items: Item[]): Map<string | null, Item[]> {
  const groups = new Map<string | null, Item[]>();
  for (const item of items) {
    const group = groups.get(item.parent);
    if (group === undefined) groups.set(item.parent, [item]);
    else group.push(item);
  }
  return groups;
}

function sized(node: GraphNode): Pick<ElkNode, "width" | "height" | "layoutOptions"> {
  if (node.kind === "start" || node.kind === "end") return MARK;
  if (node.kind === "branch") return { layoutOptions: { ...ALONG, "elk.padding": BRANCH_PADDING } };
  const texts = [
    node.name.length * CHARACTER.name,
    `${node.type} · ${node.detail}`.length * CHARACTER.detail,
  ];
  const width = Math.round(Math.min(STATE.max, Math.max(STATE.min, BESIDE + Math.max(...texts))));
  if (!node.container) return { width, height: STATE.height };
  return {
    layoutOptions: {
      ...(node.type === "Parallel" ? SIDE_BY_SIDE : ALONG),
      "elk.padding": BOX_PADDING,
      "elk.contentAlignment": "H_CENTER V_TOP",
      "elk.nodeSize.constraints": "MINIMUM_SIZE",
      "elk.nodeSize.minimum": `(${width + 40}, ${STATE.height})`,
    },
  };
}

function asked({ id, from, to, label }: GraphEdge): ElkExtendedEdge {
  const text = cut(label);
  const labels =
    text === "" ? [] : [{ text, width: Math.round(text.length * CHARACTER.label) + 8, height: 18 }];
  return { id, sources: [from], targets: [to], labels };
}

/** What ELK has answered, with every place on the whole canvas. */
export function fromElk(model: Model, root: ElkNode): Layout {
  const nodes = new Map(model.nodes.map((node) => [node.id, node]));
  const edges = new Map(model.edges.map((edge) => [edge.id, edge]));
  const layout: Layout = { nodes: [], edges: [] };
  const take = (box: ElkNode, origin: Point, depth: number) => {
    for (const child of box.children ?? []) {
      const node = nodes.get(child.id);
      const at = moved(origin, child);
      if (node === undefined) continue;
      const { width = 0, height = 0 } = child;
      layout.nodes.push({ node, ...at, width: Math.round(width), height: Math.round(height), depth });
      take(child, at, depth + 1);
    }
    for (const found of box.edges ?? []) {
      const edge = edges.get(found.id);
      if (edge !== undefined) layout.edges.push(drawn(edge, found, origin, depth));
    }
  };
  take(root, { x: 0, y: 0 }, 0);
  return layout;
}

function drawn(edge: GraphEdge, found: ElkExtendedEdge, origin: Point, depth: number): Drawn {
  const points = (found.sections ?? []).flatMap(({ startPoint, bendPoints = [], endPoint }) => [
    startPoint,
    ...bendPoints,
    endPoint,
  ]);
  const label = found.labels?.[0];
  return {
    edge,
    points: points.map((point) => moved(origin, point)),
    label: label?.text ?? "",
    labelAt: label === undefined ? null : middle(moved(origin, label), label.width ?? 0, label.height ?? 0),
    depth,
  };
}

function moved(origin: Point, by: Partial<Point>): Point {
  return { x: Math.round(origin.x + (by.x ?? 0)), y: Math.round(origin.y + (by.y ?? 0)) };
}

function middle(at: Point, width: number, height: number): Point {
  return { x: at.x + width / 2, y: at.y + height / 2 };
}

/** An SVG path along the points, its corners rounded. */
export function pathOf(points: Point[], radius = 8): string {
  return points
    .map((point, index) => {
      const [before, after] = [points[index - 1], points[index + 1]];
      if (before === undefined) return `M${point.x} ${point.y}`;
      if (after === undefined) return `L${point.x} ${point.y}`;
      const [first, last] = [toward(point, before, radius), toward(point, after, radius)];
      return `L${first.x} ${first.y}Q${point.x} ${point.y} ${last.x} ${last.y}`;
    })
    .join("");
}

/** The point at most `radius` from `from` on the way to `to`, and at most half of that way. */
function toward(from: Point, to: Point, radius: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const share = length === 0 ? 0 : Math.min(radius, length / 2) / length;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}
