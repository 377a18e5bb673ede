import { createContext } from "react";
import type { Visits } from "../execution/story";
import { word } from "../ui/Status";
import type { GraphEdge, GraphNode } from "./definition";

/** What changes while a graph is shown. It is apart from the layout, so that nothing is laid out again for it. */
export interface Look {
  visits: Map<string, Visits> | null;
  selected: string | null;
  select: (state: string | null) => void;
}

export const LookContext = createContext<Look>({ visits: null, selected: null, select: () => {} });

/** Whether an execution went along an edge, as far as the visits of both ends tell. */
export function isTaken(
  edge: GraphEdge,
  from: GraphNode,
  to: GraphNode,
  visits: Map<string, Visits> | null,
): boolean {
  if (visits === null) return false;
  const [left, reached] = [visits.get(from.name), visits.get(to.name)];
  if (from.kind === "start") return reached !== undefined;
  if (left === undefined) return false;
  if (edge.kind === "catch") return left.status === "CAUGHT" && reached !== undefined;
  const ended = left.status === "SUCCEEDED" || left.count > 1;
  return ended && (to.kind === "end" || reached !== undefined);
}

/** The state to look at first: the innermost one that an execution is in, or in which it ended badly. */
export function standingState(visits: Map<string, Visits> | null): string | null {
  const entered = [...(visits ?? [])];
  return entered.findLast(([, { status }]) => status !== "SUCCEEDED" && status !== "CAUGHT")?.[0] ?? null;
}

/** What the shapes and colours of a state's node say, in words. */
export function visitsInWords({ status, count, retries }: Visits): string {
  return [
    word(status).toLowerCase(),
    ...(count > 1 ? [`${count} visits`] : []),
    ...(retries > 0 ? [retries === 1 ? "1 retry" : `${retries} retries`] : []),
  ].join(", ");
}
