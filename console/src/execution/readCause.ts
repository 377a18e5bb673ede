/** A cause as people read it: what was said, and where it came from. */
export interface Cause {
  message: string;
  /** The lines of a stack trace, empty where there is none. */
  trace: string;
  /** The cause is JSON of another kind, laid out; empty otherwise. */
  json: string;
}

/**
 * Lambda's causes are JSON with errorMessage and a trace: `stackTrace` of Python and Java, `trace` of Node.js. Those of
 * nested executions and of other services are JSON with an Error or a Cause of their own.
 */
export function readCause(text: string): Cause {
  const value = parse(text);
  if (value === null) return { message: text, trace: "", json: "" };
  const message = textOf(value.errorMessage);
  if (message === "")
    return { message: textOf(value.Cause), trace: "", json: JSON.stringify(value, null, 2) };
  return { message, trace: lines(value.stackTrace ?? value.trace), json: "" };
}

const MESSAGE = /^\s*\{.*?"errorMessage"\s*:\s*("(?:[^"\\]|\\.)*")/s;

/** A cause in one line, also where a listing has cut off its end. */
export function briefCause(text: string): string {
  const message = MESSAGE.exec(text)?.[1];
  try {
    return message === undefined ? text : textOf(JSON.parse(message));
  } catch {
    return text;
  }
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function lines(value: unknown): string {
  if (!Array.isArray(value)) return textOf(value);
  return value.map((line) => (typeof line === "string" ? line.trimEnd() : JSON.stringify(line))).join("\n");
}
