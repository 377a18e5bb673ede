import type { Edge, EdgeProps } from "@xyflow/react";
import { memo, useContext } from "react";
import type { GraphNode } from "./definition";
import { type Drawn, pathOf } from "./layout";
import { isTaken, LookContext } from "./look";

export type FlowEdge = Edge<{ drawn: Drawn; from: GraphNode; to: GraphNode }>;

const ARROWS = ["plain", "catch", "taken", "taken-catch"];

/** The heads of the arrows, one for each colour. */
export function Arrows() {
  return (
    <svg className="graph-arrows" aria-hidden="true" focusable="false">
      <defs>
        {ARROWS.map((kind) => (
          <marker
            key={kind}
            id={`graph-arrow-${kind}`}
            className={`edge-arrow ${kind}`}
            viewBox="0 0 8 8"
            markerWidth="8"
            markerHeight="8"
            markerUnits="userSpaceOnUse"
            refX="7"
            refY="4"
            orient="auto"
          >
            <path d="M0 0.5 8 4 0 7.5z" />
          </marker>
        ))}
      </defs>
    </svg>
  );
}

const StateEdge = memo(function StateEdge({ data }: EdgeProps<FlowEdge>) {
  const { visits } = useContext(LookContext);
  if (data === undefined) return null;
  const { drawn, from, to } = data;
  const caught = drawn.edge.kind === "catch";
  const taken = isTaken(drawn.edge, from, to, visits);
  const kind = `${taken ? "taken" : ""}${taken && caught ? "-" : ""}${caught ? "catch" : ""}` || "plain";
  return (
    <g className={`state-edge ${kind}`}>
      <path d={pathOf(drawn.points)} markerEnd={`url(#graph-arrow-${kind})`} />
      {drawn.labelAt !== null && (
        <text x={drawn.labelAt.x} y={drawn.labelAt.y} textAnchor="middle" dominantBaseline="central">
          <title>{drawn.edge.label}</title>
          {drawn.label}
        </text>
      )}
    </g>
  );
});

export const EDGES = { state: StateEdge };
