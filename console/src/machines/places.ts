import { jsonLanguage } from "@codemirror/lang-json";

/** Where a state stands in a definition's text: from its name to the end of its block. */
export interface Place {
  state: string;
  from: number;
  to: number;
}

type Parsed = ReturnType<typeof jsonLanguage.parser.parse>["topNode"];

/** Blocks in blocks beyond it are left out, as the graph leaves them out. */
const DEPTH_MAX = 64;

/** The places of all states, those inside a container behind it. Of a broken text, those that can be told. */
export function placesOf(text: string): Place[] {
  const places: Place[] = [];
  const value = (property: Parsed) => property.lastChild;
  const member = (object: Parsed | null, name: string): Parsed | null => {
    const found = object?.getChildren("Property").find((property) => nameOf(property) === name);
    return found === undefined ? null : value(found);
  };
  const nameOf = (property: Parsed): string => {
    const name = property.getChild("PropertyName");
    return name === null ? "" : unquoted(text.slice(name.from, name.to));
  };
  const walk = (scope: Parsed | null, depth: number) => {
    if (depth > DEPTH_MAX) return;
    for (const property of member(scope, "States")?.getChildren("Property") ?? []) {
      places.push({ state: nameOf(property), from: property.from, to: property.to });
      const state = value(property);
      for (const branch of member(state, "Branches")?.getChildren("Object") ?? []) walk(branch, depth + 1);
      walk(member(state, "ItemProcessor") ?? member(state, "Iterator"), depth + 1);
    }
  };
  walk(jsonLanguage.parser.parse(text).topNode.getChild("Object"), 0);
  return places;
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return "";
  }
}

/** The innermost state at a position of the text. */
export function stateAt(places: Place[], position: number): string | null {
  return places.findLast(({ from, to }) => from <= position && position <= to)?.state ?? null;
}
