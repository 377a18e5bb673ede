import type { Step } from "../../api/types";

/** A step of the one execution and the step of the other that it answers to; null where there is none. */
export interface Pair {
  left: Step | null;
  right: Step | null;
  /** How many Parallel and Map states it is in. */
  depth: number;
}

/** Beyond so many comparisons, steps are matched as they come. */
const CELLS_MAX = 4_000_000;

/** How far is looked ahead then. */
const WINDOW = 50;

type Children = Map<string, Step[]>;

type Match = [Step | null, Step | null];

/**
 * The steps of two executions side by side, in the order of their entry: within the same branch or iteration by the
 * longest sequence of names that they have in common. The steps in a state follow it.
 */
export function align(left: Iterable<Step>, right: Iterable<Step>, cellsMax = CELLS_MAX): Pair[] {
  const [ofLeft, ofRight] = [childrenOf(left), childrenOf(right)];
  function level(one: Step[], other: Step[], depth: number): Pair[] {
    return match(one, other, cellsMax).flatMap((pair) => {
      const below = indexes(pair, ofLeft, ofRight).flatMap((index) =>
        level(within(ofLeft, pair[0], index), within(ofRight, pair[1], index), depth + 1),
      );
      return [{ left: pair[0], right: pair[1], depth }, ...below];
    });
  }
  return level(ofLeft.get(TOP) ?? [], ofRight.get(TOP) ?? [], 0);
}

function place(parent: number, index: number): string {
  return `${parent}/${index}`;
}

const TOP = place(0, 0);

/** The steps of each branch and iteration, by the state that it belongs to. What a kept step was in may be kept no more. */
function childrenOf(steps: Iterable<Step>): Children {
  const children: Children = new Map();
  const known = new Set([0]);
  for (const step of steps) {
    known.add(step.id);
    const at = known.has(step.parent) ? place(step.parent, step.index) : TOP;
    const siblings = children.get(at);
    if (siblings === undefined) children.set(at, [step]);
    else siblings.push(step);
  }
  return children;
}

function indexes([one, other]: Match, left: Children, right: Children): number[] {
  const most = Math.max(branches(one), branches(other));
  const all = Array.from({ length: most }, (_, index) => index);
  return all.filter((index) => within(left, one, index).length + within(right, other, index).length > 0);
}

/** How many branches or iterations there may be steps of. */
function branches(step: Step | null): number {
  return Math.max(0, ...(step?.forks ?? []).map((fork) => fork.total));
}

function within(children: Children, step: Step | null, index: number): Step[] {
  return step === null ? [] : (children.get(place(step.id, index)) ?? []);
}

// --- two sequences

function match(left: Step[], right: Step[], cellsMax: number): Match[] {
  let start = 0;
  while (start < left.length && start < right.length && same(left[start], right[start])) start++;
  let end = 0;
  const shorter = Math.min(left.length, right.length) - start;
  while (end < shorter && same(left.at(-1 - end), right.at(-1 - end))) end++;
  const [one, other] = [left.slice(start, left.length - end), right.slice(start, right.length - end)];
  const middle = one.length * other.length <= cellsMax ? longest(one, other) : greedy(one, other);
  return [
    ...both(left.slice(0, start), right.slice(0, start)),
    ...middle,
    ...both(left.slice(left.length - end), right.slice(right.length - end)),
  ];
}

function same(one: Step | undefined, other: Step | undefined): boolean {
  return one?.name === other?.name;
}

function both(left: Step[], right: Step[]): Match[] {
  return left.map((step, index): Match => [step, right[index] ?? null]);
}

/** The longest common subsequence. `lengths` has that of what is left of both from each cell on. */
function longest(left: Step[], right: Step[]): Match[] {
  const width = right.length + 1;
  const lengths = new Uint32Array((left.length + 1) * width);
  const at = (i: number, j: number) => lengths[i * width + j] ?? 0;
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      lengths[i * width + j] = same(left[i], right[j])
        ? at(i + 1, j + 1) + 1
        : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  return walk(left, right, (i, j) =>
    same(left[i], right[j]) ? "both" : at(i + 1, j) >= at(i, j + 1) ? "left" : "right",
  );
}

/** Goes on with the nearer of the two next steps that have an equal on the other side. */
function greedy(left: Step[], right: Step[]): Match[] {
  return walk(left, right, (i, j) => {
    for (let ahead = 0; ahead < WINDOW; ahead++) {
      if (same(left[i], right[j + ahead])) return ahead === 0 ? "both" : "right";
      if (same(left[i + ahead], right[j])) return "left";
    }
    return "left";
  });
}

function walk(
  left: Step[],
  right: Step[],
  next: (i: number, j: number) => "both" | "left" | "right",
): Match[] {
  const found: Match[] = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const way = j >= right.length ? "left" : i >= left.length ? "right" : next(i, j);
    found.push([way === "right" ? null : (left[i] ?? null), way === "left" ? null : (right[j] ?? null)]);
    if (way !== "right") i++;
    if (way !== "left") j++;
  }
  return found;
}
