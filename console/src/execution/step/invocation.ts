import type { Attempt, AttemptDetail } from "../../api/types";

/** From an attempt to the lines that its function logged. */

export function isLambda(attempt: Attempt): boolean {
  return attempt.resourceType === "lambda" || attempt.resource.includes(":function:");
}

/** The name of the function that an attempt invoked, without its account and its qualifier; null where it is unknown. */
export function functionOf(attempt: Attempt, detail: AttemptDetail | undefined): string | null {
  if (attempt.resourceType !== "lambda") return functionName(attempt.resource);
  try {
    const input = JSON.parse(detail?.input.text ?? "null") as { FunctionName?: unknown } | null;
    return typeof input?.FunctionName === "string" ? functionName(input.FunctionName) : null;
  } catch {
    return null;
  }
}

/** As the Lambda API takes it: a name, part of an ARN or an ARN, each perhaps with a version or an alias behind it. */
function functionName(reference: string): string | null {
  return /(?:.*:?function:)?([^:]+)(?::[^:]+)?$/.exec(reference)?.[1] ?? null;
}

/** A line of a log stream. */
export interface Line {
  timestamp: number;
  message: string;
}

/**
 * The lines of one invocation, of those of its log stream: a stream's invocations follow each other, and the first and
 * last lines of each, START and REPORT or what stands for them in JSON, name its request.
 */
export function linesOf(requestId: string, lines: Line[], ended: boolean): Line[] {
  const names = ({ message }: Line) => message.includes(requestId);
  const first = lines.findIndex(names);
  if (first < 0) return [];
  return lines.slice(first, ended ? lines.findLastIndex(names) + 1 : undefined);
}
