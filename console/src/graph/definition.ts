import {
  type Fields,
  fieldsOf,
  innerScopes,
  labelledScope,
  listOf,
  parseDefinition,
  type Scope,
  textOf,
} from "./asl";
import { conditionText, detailText } from "./words";

/** `missing` is a state that is named and not there; `branch` one branch of a Parallel. */
export type NodeKind = "start" | "end" | "state" | "branch" | "missing";

export interface GraphNode {
  id: string;
  kind: NodeKind;
  /** The state's name. It is unique in a definition. */
  name: string;
  type: string;
  detail: string;
  /** The container that it is in. */
  parent: string | null;
  /** Whether there are nodes in it. */
  container: boolean;
  retries: boolean;
}

export type EdgeKind = "next" | "choice" | "default" | "catch";

/** An edge stays within one container: AWS's states go nowhere else. */
export interface GraphEdge {
  id: string;
  kind: EdgeKind;
  from: string;
  to: string;
  label: string;
  parent: string | null;
}

/** Nodes stand behind the containers that they are in, and else as far as can be in the order of a walk. */
export interface Model {
  nodes: GraphNode[];
  edges: GraphEdge[];
  problem: string | null;
}

/** The graph of a definition; with a `label`, of what a child of that Distributed Map runs. Never throws. */
export function modelOf(definition: string, label = ""): Model {
  const { scope, problem } = parseDefinition(definition);
  const builder = new Builder();
  if (scope.states.size > 0) builder.add(labelledScope(scope, label), null, 0);
  return { nodes: builder.nodes, edges: builder.edges, problem };
}

/** Where a state goes, by the name of the state that follows; "" is the end. */
interface Way {
  kind: EdgeKind;
  to: string;
  label: string;
}

function waysOf(state: Fields): Way[] {
  const ways: Way[] = [];
  if (state.Type === "Choice") {
    for (const choice of listOf(state.Choices)) {
      const rule = fieldsOf(choice);
      ways.push({ kind: "choice", to: textOf(rule.Next), label: conditionText(rule) });
    }
    if ("Default" in state) ways.push({ kind: "default", to: textOf(state.Default), label: "otherwise" });
  } else if (typeof state.Next === "string") {
    ways.push({ kind: "next", to: state.Next, label: "" });
  } else if (state.End === true || state.Type === "Succeed") {
    ways.push({ kind: "next", to: "", label: "" });
  }
  for (const catcher of listOf(state.Catch)) {
    const { ErrorEquals, Next } = fieldsOf(catcher);
    ways.push({ kind: "catch", to: textOf(Next), label: listOf(ErrorEquals).map(textOf).join(", ") });
  }
  return ways;
}

class Builder {
  readonly nodes: GraphNode[] = [];
  readonly edges: GraphEdge[] = [];

  /** The states of a scope in the container `parent`. The top level has marks for its start and its end. */
  add(scope: Scope, parent: string | null, depth: number): void {
    const ways = new Map([...scope.states].map(([name, state]) => [name, waysOf(state)]));
    const start = parent === null ? this.node("start", "Start", null) : null;
    const ids = new Map<string, string>();
    for (const name of walked(scope, ways))
      ids.set(name, this.state(name, scope.states.get(name) ?? {}, parent, depth));
    let end: string | null = null;
    const target = (name: string): string | null => {
      if (name === "") {
        if (parent === null) end ??= this.node("end", "End", null).id;
        return end;
      }
      const id = ids.get(name) ?? this.node("missing", name, parent).id;
      ids.set(name, id);
      return id;
    };
    if (start !== null) this.edge({ kind: "next", to: scope.startAt, label: "" }, start.id, target, parent);
    for (const [name, leading] of ways) {
      for (const way of leading) this.edge(way, ids.get(name) ?? "", target, parent);
    }
  }

  private edge(way: Way, from: string, target: (name: string) => string | null, parent: string | null): void {
    const to = target(way.to);
    if (to === null) return;
    this.edges.push({ id: `e${this.edges.length}`, kind: way.kind, from, to, label: way.label, parent });
  }

  private state(name: string, state: Fields, parent: string | null, depth: number): string {
    const inner = innerScopes(state, depth).filter((scope) => scope.states.size > 0);
    const node = this.node("state", name, parent);
    node.type = textOf(state.Type) || "Unknown";
    node.detail = detailText(state);
    node.container = inner.length > 0;
    node.retries = listOf(state.Retry).length > 0;
    for (const [index, scope] of inner.entries()) {
      const within = node.type === "Parallel" ? this.branch(index, node.id) : node.id;
      this.add(scope, within, depth + 1);
    }
    return node.id;
  }

  private branch(index: number, parent: string): string {
    const node = this.node("branch", `Branch ${index + 1}`, parent);
    node.container = true;
    return node.id;
  }

  private node(kind: NodeKind, name: string, parent: string | null): GraphNode {
    const id = `n${this.nodes.length}`;
    const node = { id, kind, name, type: "", detail: "", parent, container: false, retries: false };
    this.nodes.push(node);
    return node;
  }
}

/**
 * The names of a scope's states in an order in which, loops aside, each follows those that lead to it (a reversed
 * postorder): what the keyboard walks along, and what tells the layout which edges lead back. States that nothing leads
 * to come last. A definition's own order says little: many tools sort it by name.
 */
function walked(scope: Scope, ways: Map<string, Way[]>): string[] {
  const seen = new Set<string>();
  const left: string[] = [];
  // On a stack of our own: a chain may have more states than calls may nest.
  const stack: { name: string; next: string[] }[] = [];
  const enter = (name: string) => {
    if (!ways.has(name) || seen.has(name)) return;
    seen.add(name);
    stack.push({ name, next: (ways.get(name) ?? []).map((way) => way.to) });
  };
  enter(scope.startAt);
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const name = top.next.pop();
    if (name !== undefined) enter(name);
    else left.push(stack.pop()?.name ?? "");
  }
  return [...left.reverse(), ...[...ways.keys()].filter((name) => !seen.has(name))];
}
