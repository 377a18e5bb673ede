import type { Step } from "../../api/types";
import type { Pair } from "./align";

/** How the steps of a pair differ, as far as it is known without their data. */
export function differences({ left, right }: Pair): string[] {
  if (left === null) return ["only right"];
  if (right === null) return ["only left"];
  const found: string[] = [];
  if (left.status !== right.status) found.push("status");
  if (left.error !== right.error) found.push("error");
  if (left.retries.length !== right.retries.length) found.push("retries");
  return found;
}

/** The index of the first pair that differs, -1 where none does. */
export function firstDifference(pairs: Pair[]): number {
  return pairs.findIndex((pair) => differences(pair).length > 0);
}

/** How many equal steps are shown around one that differs. */
const AROUND = 2;

/** The indexes of the pairs that differ, and of those around them. */
export function nearDifferences(pairs: Pair[]): number[] {
  const near = new Set<number>();
  for (const [index, pair] of pairs.entries()) {
    if (differences(pair).length === 0) continue;
    const to = Math.min(pairs.length - 1, index + AROUND);
    for (let at = Math.max(0, index - AROUND); at <= to; at++) near.add(at);
  }
  return [...near];
}

/** Says where two executions part, and how. */
export function parting(pairs: Pair[]): string {
  const index = firstDifference(pairs);
  const pair = pairs[index];
  if (pair === undefined) return "They take the same path, with the same outcome at every step.";
  const name = (pair.left ?? pair.right)?.name ?? "";
  const after = pairs.slice(0, index).findLast((before) => before.depth === pair.depth);
  const where = `They part at ${name}${after?.left == null ? "" : `, after ${after.left.name}`}`;
  if (pair.left === null) return `${where}: only the right execution goes there.`;
  if (pair.right === null) return `${where}: only the left execution goes there.`;
  const [left, right] = [told(pair.left), told(pair.right)];
  if (left !== right) return `${where}: left ${left}, right ${right}.`;
  return `${where}: ${pair.left.retries.length} retries left, ${pair.right.retries.length} right.`;
}

function told(step: Step): string {
  const status = step.status.toLowerCase().replace("_", " ");
  return step.error === "" ? status : `${status} with ${step.error}`;
}

/** How long a step took, null while it runs. */
export function lasted(step: Step | null): number | null {
  return step === null || step.endedAt === 0 ? null : step.endedAt - step.enteredAt;
}

/** How much longer the right step took, in seconds; null where one of them has no end. */
export function delta({ left, right }: Pair): number | null {
  const [one, other] = [lasted(left), lasted(right)];
  return one === null || other === null ? null : other - one;
}
