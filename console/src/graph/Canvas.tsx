import {
  Controls,
  type CoordinateExtent,
  MiniMap,
  Position,
  ReactFlow,
  type ReactFlowInstance,
} from "@xyflow/react";
import { useCallback, useContext, useEffect, useMemo, useRef } from "react";
import "@xyflow/react/dist/style.css";
import { Failure } from "../ui/Failure";
import type { Model } from "./definition";
import { Arrows, EDGES, type FlowEdge } from "./edges";
import type { Layout, Placed } from "./layout";
import { LookContext, standingState } from "./look";
import { type FlowNode, NODES } from "./nodes";
import { useLayout } from "./useLayout";
import { extentOf, firstView, viewOf } from "./view";

/** Above it a small map helps to find one's way. */
const MAPPED = 40;

/**
 * Above it only what is in sight is in the page. Below it the keyboard walks through all states; in larger graphs the
 * table does, which brings into sight what is chosen.
 */
const CULLED = 200;

const MAP = { width: 128, height: 128 };

/** How many pixels around the graph can be seen. */
const AROUND = 240;

const LABELS = {
  "controls.ariaLabel": "View of the graph",
  "controls.zoomIn.ariaLabel": "Zoom in",
  "controls.zoomOut.ariaLabel": "Zoom out",
  "controls.fitView.ariaLabel": "Fit the whole graph",
  "minimap.ariaLabel": "Small map of the graph",
};

/** The drawing of a model. `id` stands for the model: it is laid out once. */
export default function Canvas({ model, id }: { model: Model; id: string }) {
  const { layout, error } = useLayout(model, id);
  if (error !== null) return <Failure error={error} />;
  if (layout === null) return <Waiting states={model.nodes.length} />;
  return <Drawing key={id} layout={layout} />;
}

function Waiting({ states }: { states: number }) {
  return (
    <p className="empty" role="status">
      Laying out {states.toLocaleString()} nodes …
    </p>
  );
}

function Drawing({ layout }: { layout: Layout }) {
  const pane = useRef<HTMLDivElement>(null);
  const flow = useRef<ReactFlowInstance<FlowNode, FlowEdge> | null>(null);
  const { visits, selected, select } = useContext(LookContext);
  const reveal = useCallback((placed: Placed) => {
    if (flow.current === null || pane.current === null) return;
    const view = flow.current.getViewport();
    const wanted = viewOf(placed, view, sizeOf(pane.current));
    if (wanted !== view) void flow.current.setViewport(wanted);
  }, []);
  const nodes = useMemo(() => layout.nodes.map((placed) => flowNode(placed, reveal)), [layout, reveal]);
  const edges = useMemo(() => flowEdges(layout), [layout]);
  const reach = useMemo(() => reachOf(layout), [layout]);
  const revealNamed = useCallback(
    (name: string | null) => {
      const placed = layout.nodes.find(({ node }) => node.kind === "state" && node.name === name);
      if (placed !== undefined) reveal(placed);
    },
    [layout, reveal],
  );
  const begin = (instance: ReactFlowInstance<FlowNode, FlowEdge>) => {
    flow.current = instance;
    if (pane.current !== null) void instance.setViewport(firstView(layout, sizeOf(pane.current)));
    revealNamed(selected ?? standingState(visits));
  };
  useEffect(() => revealNamed(selected), [selected, revealNamed]);
  return (
    <ReactFlow
      ref={pane}
      aria-label="Graph of the states"
      nodes={nodes}
      edges={edges}
      nodeTypes={NODES}
      edgeTypes={EDGES}
      onInit={begin}
      onPaneClick={() => select(null)}
      onlyRenderVisibleElements={nodes.length > CULLED}
      nodesDraggable={false}
      nodesConnectable={false}
      nodesFocusable={false}
      edgesFocusable={false}
      elementsSelectable={false}
      disableKeyboardA11y
      panOnScroll
      zoomOnDoubleClick={false}
      minZoom={0.005}
      translateExtent={reach}
      maxZoom={1.6}
      ariaLabelConfig={LABELS}
    >
      <Arrows />
      <Controls showInteractive={false} />
      {nodes.length > MAPPED && <MiniMap pannable zoomable nodeClassName={kindOf} style={MAP} />}
    </ReactFlow>
  );
}

/** How far one can go. */
function reachOf(layout: Layout): CoordinateExtent {
  const { width, height } = extentOf(layout);
  return [
    [-AROUND, -AROUND],
    [width + AROUND, height + AROUND],
  ];
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  return { width: element.clientWidth, height: element.clientHeight };
}

function kindOf(node: FlowNode): string {
  return node.data.placed.node.container ? "box" : node.data.placed.node.kind;
}

/** Every place is known, and no node is measured: edges are drawn at once, also to nodes that are out of sight. */
function flowNode(placed: Placed, reveal: (placed: Placed) => void): FlowNode {
  const { node, x, y, width, height, depth } = placed;
  const middle = { x: width / 2, width: 1, height: 1 };
  return {
    id: node.id,
    type: node.kind,
    position: { x, y },
    width,
    height,
    measured: { width, height },
    zIndex: depth * 2,
    data: { placed, reveal },
    handles: [
      { ...middle, type: "target", position: Position.Top, y: 0 },
      { ...middle, type: "source", position: Position.Bottom, y: height },
    ],
  };
}

function flowEdges(layout: Layout): FlowEdge[] {
  const nodes = new Map(layout.nodes.map(({ node }) => [node.id, node]));
  return layout.edges.flatMap((drawn) => {
    const { id, from: source, to: target } = drawn.edge;
    const [from, to] = [nodes.get(source), nodes.get(target)];
    if (from === undefined || to === undefined) return [];
    return [{ id, source, target, type: "state", zIndex: drawn.depth * 2 + 1, data: { drawn, from, to } }];
  });
}
