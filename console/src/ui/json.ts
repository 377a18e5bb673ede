/** What newer browsers have: the digits of a number as they stand in the text. */
interface RawJson {
  rawJSON?: (text: string) => unknown;
}
type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown;

/** A JSON text laid out; what is none stays as it is. Numbers keep their digits, also those that JavaScript cannot hold. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown), null, 2);
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
