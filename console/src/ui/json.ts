/** What newer browsers have: the digits of a number as they stand in the text. */
interface RawJson {
  rawJSON?: (text: string) => unknown;
}
type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown;

/**
 * What a JSON text says, to be taken apart and written again. Numbers are opaque where the browser keeps their digits,
 * also those that JavaScript cannot hold. Raises SyntaxError.
 */
export function readJson(text: string): unknown {
  return JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown);
}

/** A JSON text laid out; what is none stays as it is. Numbers keep their digits. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(readJson(text), null, 2);
  } catch {
    return text;
  }
}

const keepDigits: Reviver = (_key, value, context) => {
  const raw = (JSON as RawJson).rawJSON;
  return typeof value === "number" && raw !== undefined && context?.source !== undefined
    ? raw(context.source)
    : value;
};
