import { allStates, type Fields, fieldsOf, listOf, parseDefinition } from "../graph/asl";

/** What differs between two definitions, beyond how they are written. */
export interface Differences {
  added: string[];
  removed: string[];
  /** States that are in both, with the fields that differ. What is inside a container counts for itself. */
  changed: { state: string; fields: string[] }[];
  /** Fields beside the states, such as StartAt. */
  fields: string[];
}

export function differencesOf(before: string, after: string): Differences {
  const [old, now] = [statesOf(before), statesOf(after)];
  const kept = [...now.keys()].filter((name) => old.has(name));
  return {
    added: [...now.keys()].filter((name) => !old.has(name)),
    removed: [...old.keys()].filter((name) => !now.has(name)),
    changed: kept
      .map((state) => ({ state, fields: differing(own(old.get(state)), own(now.get(state))) }))
      .filter(({ fields }) => fields.length > 0),
    fields: differing(topLevel(before), topLevel(after)),
  };
}

function statesOf(definition: string): Map<string, Fields> {
  const { scope } = parseDefinition(definition);
  return new Map([...allStates(scope)].map(({ name, state }) => [name, state]));
}

function topLevel(definition: string): Fields {
  try {
    return withoutStates(JSON.parse(definition));
  } catch {
    return {};
  }
}

/** A state without those that are inside it. */
function own(state: Fields = {}): Fields {
  const fields = { ...state };
  if ("Branches" in fields) fields.Branches = listOf(fields.Branches).map(withoutStates);
  for (const name of ["ItemProcessor", "Iterator"]) {
    if (name in fields) fields[name] = withoutStates(fields[name]);
  }
  return fields;
}

function withoutStates(value: unknown): Fields {
  const { States: _, ...rest } = fieldsOf(value);
  return rest;
}

function differing(before: Fields, after: Fields): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => ordered(before[name]) !== ordered(after[name])).sort();
}

/** A value's text in which the order of members says nothing. */
function ordered(value: unknown): string {
  const sorted = (_: string, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part;
  return JSON.stringify(value, sorted) ?? "";
}
