/**
 * What a definition's text says of its states, as far as it can be told: nothing here throws, whatever the text is. A
 * definition that the server holds has been checked; one of an older release, or a text that is being edited, has not.
 */

/** A JSON object of which nothing is known. */
export type Fields = Record<string, unknown>;

/** States that follow each other: a definition's, a branch's, or those of a Map's processor. */
export interface Scope {
  startAt: string;
  states: Map<string, Fields>;
}

/** Containers in containers beyond it are left out. No definition of a person's has as many. */
const DEPTH_MAX = 64;

/** The top level of a definition's text, and why it could not be read. */
export function parseDefinition(text: string): { scope: Scope; problem: string | null } {
  try {
    const scope = scopeOf(JSON.parse(text));
    return { scope, problem: scope.states.size === 0 ? "The definition has no states." : null };
  } catch (error) {
    return { scope: scopeOf(null), problem: `The definition is no JSON: ${(error as Error).message}` };
  }
}

/** An object's fields; none for anything else. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function scopeOf(value: unknown): Scope {
  const fields = fieldsOf(value);
  const states = Object.entries(fieldsOf(fields.States));
  return {
    startAt: textOf(fields.StartAt),
    states: new Map(states.map(([name, state]) => [name, fieldsOf(state)])),
  };
}

/** What runs inside a state: the branches of a Parallel, or the one processor of a Map. */
export function innerScopes(state: Fields, depth: number): Scope[] {
  if (depth >= DEPTH_MAX) return [];
  if (state.Type === "Parallel") return listOf(state.Branches).map(scopeOf);
  const processor = state.Type === "Map" ? processorOf(state) : undefined;
  return processor === undefined ? [] : [scopeOf(processor)];
}

/** A Map's ItemProcessor, which older definitions call Iterator. */
function processorOf(state: Fields): unknown {
  return state.ItemProcessor ?? state.Iterator;
}

export function isDistributed(state: Fields): boolean {
  return (
    state.Type === "Map" && fieldsOf(fieldsOf(processorOf(state)).ProcessorConfig).Mode === "DISTRIBUTED"
  );
}

/** Every state with its name and how many containers it is in, those inside a container behind it. */
export function* allStates(
  scope: Scope,
  depth = 0,
): Generator<{ name: string; state: Fields; depth: number }> {
  for (const [name, state] of scope.states) {
    yield { name, state, depth };
    for (const inner of innerScopes(state, depth)) yield* allStates(inner, depth + 1);
  }
}

const FITTING = /^[A-Za-z0-9_-]{1,40}$/;

/**
 * What a child of the Distributed Map with this label runs; the whole where there is no such Map. Without a Label it is
 * the state's name, or, where that does not fit an ARN, a hash: then the only Map that such a hash can stand for.
 */
export function labelledScope(whole: Scope, label: string): Scope {
  if (label === "") return whole;
  const maps = [...allStates(whole)].filter(({ state }) => isDistributed(state));
  const unlabelled = maps.filter(({ state }) => state.Label === undefined);
  const hashed = unlabelled.filter(({ name }) => !FITTING.test(name));
  const found =
    maps.find(({ state }) => state.Label === label) ??
    unlabelled.find(({ name }) => name === label) ??
    (hashed.length === 1 ? hashed[0] : undefined);
  return (found && innerScopes(found.state, found.depth)[0]) ?? whole;
}
