import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { memo, type ReactNode, useContext } from "react";
import { mark, tone } from "../ui/Status";
import type { Placed } from "./layout";
import { LookContext, visitsInWords } from "./look";
import { TypeIcon } from "./TypeIcon";

export type FlowNode = Node<{ placed: Placed; reveal: (placed: Placed) => void }>;

/** A node's ground, with the two points that React Flow wants an edge to be tied to. */
function Ground({ className, title, children }: { className: string; title?: string; children?: ReactNode }) {
  return (
    <div className={className} title={title}>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      {children}
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </div>
  );
}

/** A state; of one that has others in it, the box with its head. */
const StateNode = memo(function StateNode({ data: { placed, reveal } }: NodeProps<FlowNode>) {
  const { visits, selected, select } = useContext(LookContext);
  const { node } = placed;
  const visited = visits?.get(node.name);
  const chosen = selected === node.name;
  const look = visited ? `tone-${tone(visited.status)} visited` : visits ? "unvisited" : "";
  return (
    <Ground className={`state-node ${node.container ? "box" : ""} ${look} ${chosen ? "chosen" : ""}`}>
      <button
        type="button"
        className="state-head"
        aria-pressed={chosen}
        onClick={() => select(chosen ? null : node.name)}
        onFocus={(event) => event.currentTarget.matches(":focus-visible") && reveal(placed)}
      >
        <TypeIcon type={node.type} />
        <span className="state-name" title={node.name}>
          {node.name}
        </span>
        {visited && (
          <span className="state-mark" aria-hidden="true">
            {mark(visited.status)}
            {visited.count > 1 && ` ×${visited.count.toLocaleString()}`}
          </span>
        )}
        <span className="state-type">{[node.type, node.detail].filter(Boolean).join(" · ")}</span>
        {node.retries && (
          <span className={`state-retry ${visited?.retries ? "retried" : ""}`} aria-hidden="true">
            ↻ {visited?.retries ? visited.retries.toLocaleString() : "retry"}
          </span>
        )}
        {visited && <span className="sr-only">{visitsInWords(visited)}</span>}
      </button>
    </Ground>
  );
});

/** A branch of a Parallel: only a ground for what is in it. */
const BranchNode = memo(function BranchNode() {
  return <Ground className="branch-node" />;
});

const MarkNode = memo(function MarkNode({ data: { placed } }: NodeProps<FlowNode>) {
  return <Ground className="mark-node">{placed.node.name}</Ground>;
});

/** A name that the definition goes to and does not have. */
const MissingNode = memo(function MissingNode({ data: { placed } }: NodeProps<FlowNode>) {
  return (
    <Ground className="state-node missing-node" title={placed.node.name}>
      <span className="state-name">{placed.node.name}</span>
      <span className="state-type">There is no such state</span>
    </Ground>
  );
});

export const NODES = {
  state: StateNode,
  branch: BranchNode,
  start: MarkNode,
  end: MarkNode,
  missing: MissingNode,
};
