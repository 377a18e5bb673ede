import { readJson } from "../../ui/json";

/** The members of a state, or of anything else in a definition. */
export type Fields = Record<string, unknown>;

/** A state as its definition has it. */
export interface DefinedState {
  fields: Fields;
  jsonata: boolean;
}

/** The state of that name, on whatever level; null where there is none. */
export function findState(definition: string, name: string): DefinedState | null {
  const machine = readJson(definition) as Fields;
  const level = levels(machine).find((states) => Object.hasOwn(states, name));
  const fields = level?.[name];
  if (!isFields(fields)) return null;
  return { fields, jsonata: isJsonata(fields, machine) };
}

/** The definition with another state in the place of the one of that name. */
export function replaceState(definition: string, name: string, fields: Fields): string {
  const machine = readJson(definition) as Fields;
  const level = levels(machine).find((states) => Object.hasOwn(states, name));
  if (level !== undefined) level[name] = fields;
  return JSON.stringify(machine);
}

/** Whether the state is in JSONata, by its own choice or by that of its machine. */
function isJsonata(fields: Fields, machine: Fields): boolean {
  return (fields.QueryLanguage ?? machine.QueryLanguage) === "JSONata";
}

/** The `States` of the machine and of every branch and processor in it. */
function levels(owner: Fields): Fields[] {
  if (!isFields(owner.States)) return [];
  const below = Object.values(owner.States).filter(isFields).flatMap(inner);
  return [owner.States, ...below.flatMap(levels)];
}

function inner(state: Fields): Fields[] {
  const branches = Array.isArray(state.Branches) ? state.Branches : [];
  return [...branches, state.ItemProcessor, state.Iterator].filter(isFields);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
