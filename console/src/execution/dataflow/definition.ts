import { type Fields, fieldsOf, listOf } from "../../graph/asl";
import { readJson } from "../../ui/json";

/** A state as its definition has it. */
export interface DefinedState {
  fields: Fields;
  jsonata: boolean;
}

/** The state of that name, on whatever level; null where there is none. */
export function findState(definition: string, name: string): DefinedState | null {
  const machine = fieldsOf(readJson(definition));
  const level = levelOf(machine, name);
  if (level === undefined) return null;
  const fields = fieldsOf(level[name]);
  // Its own choice, or that of its machine.
  return { fields, jsonata: (fields.QueryLanguage ?? machine.QueryLanguage) === "JSONata" };
}

/** The definition with another state in the place of the one of that name. */
export function replaceState(definition: string, name: string, fields: Fields): string {
  const machine = fieldsOf(readJson(definition));
  const level = levelOf(machine, name);
  if (level !== undefined) level[name] = fields;
  return JSON.stringify(machine);
}

/** The states that one of that name is among. No name is given twice in a definition. */
function levelOf(machine: Fields, name: string): Fields | undefined {
  return levels(machine).find((states) => Object.hasOwn(states, name));
}

/** The `States` of the machine and of every branch and processor in it. */
function levels(owner: Fields): Fields[] {
  const states = fieldsOf(owner.States);
  return [states, ...Object.values(states).map(fieldsOf).flatMap(inner).flatMap(levels)];
}

function inner(state: Fields): Fields[] {
  return [...listOf(state.Branches), state.ItemProcessor, state.Iterator].map(fieldsOf);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
