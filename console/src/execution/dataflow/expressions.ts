import type { Fields } from "../../graph/asl";
import { isFields } from "./definition";

/** One expression within a field. `path` leads to it, and to its value in what the field gave. */
export interface Expression {
  path: (string | number)[];
  text: string;
}

/** The expressions of a field in the order of the definition: `{% %}` leaves, or members whose names end in `.$`. */
export function expressionsIn(value: unknown, jsonata: boolean): Expression[] {
  const found: Expression[] = [];
  walk(value, [], (path, text) => {
    const name = path.at(-1);
    if (jsonata ? isExpression(text) : typeof name === "string" && name.endsWith(".$")) {
      found.push({ path, text });
    }
  });
  return found;
}

/** What the rules of a Choice test: conditions, or the paths that are compared. */
export function testsIn(rules: unknown, jsonata: boolean): Expression[] {
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((rule: unknown, index) => {
    if (!isFields(rule)) return [];
    const { Assign: _, Output: __, ...test } = rule;
    const found = jsonata ? expressionsIn(test, true) : comparedIn(test);
    return found.map(({ path, text }) => ({ path: [index, ...path], text }));
  });
}

/** Variable, and what it is compared with where that is a path: NumericEqualsPath and the like. */
function comparedIn(test: Fields): Expression[] {
  const found: Expression[] = [];
  walk(test, [], (path, text) => {
    const name = String(path.at(-1));
    if (name === "Variable" || name.endsWith("Path")) found.push({ path, text });
  });
  return found;
}

export function isExpression(text: unknown): text is string {
  return typeof text === "string" && text.startsWith("{%") && text.endsWith("%}");
}

function walk(
  value: unknown,
  path: (string | number)[],
  see: (path: (string | number)[], text: string) => void,
): void {
  if (typeof value === "string") see(path, value);
  else if (Array.isArray(value)) value.forEach((member, index) => void walk(member, [...path, index], see));
  else if (isFields(value))
    for (const [name, member] of Object.entries(value)) walk(member, [...path, name], see);
}

/** What stands at an expression's path in the value of its field; undefined where there is nothing. */
export function valueAt(value: unknown, path: (string | number)[]): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== "object" || at === null) return undefined;
    const name = typeof step === "string" ? step.replace(/\.\$$/, "") : step;
    at = Object.hasOwn(at, name) ? (at as Fields)[name] : undefined;
  }
  return at;
}

/** A path as people write it: `Payload.items[0].id`. */
export function pathText(path: (string | number)[]): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("")
    .replace(/^\./, "");
}

/**
 * The documents that an expression reads: `$states.input` and the like, the context object, variables by their names,
 * and `from` where it is a path into what the stage before gave.
 */
export function readsOf(text: string, jsonata: boolean, variables: string[], from: string): string[] {
  const code = text.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, "");
  const found = new Set<string>();
  for (const [, member] of code.matchAll(/\$states\.(\w+)/g)) found.add(`$states.${member}`);
  if (!jsonata) {
    if (code.includes("$$")) found.add("context object");
    if (/(?<![$\w])\$(?![$\w])/.test(code)) found.add(from);
  }
  for (const [, name] of code.matchAll(/(?<!\$)\$([A-Za-z_]\w*)/g)) {
    if (name !== undefined && variables.includes(name)) found.add(`$${name}`);
  }
  return [...found];
}
