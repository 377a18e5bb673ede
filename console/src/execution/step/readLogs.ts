import { lambda, logs } from "../../api/aws";
import type { Attempt } from "../../api/types";
import { type Line, linesOf } from "./invocation";

/** So many lines of an invocation are read. */
export const LINES_MAX = 2_000;

/** Clocks of workers and of the engine are not the same. */
const SLACK_MS = 2_000;

/**
 * What a function logged in an attempt. Its lines need not name their request, only the first and the last do: they
 * tell the stream and the time, and all of that stream's lines in between are the invocation's.
 */
export async function readLogs(name: string, attempt: Attempt): Promise<Line[]> {
  const [{ sdk, client }, logGroupName] = await Promise.all([logs(), groupOf(name)]);
  const search = async (more: object) => {
    const reply = await client
      .send(new sdk.FilterLogEventsCommand({ logGroupName, limit: LINES_MAX, ...more }))
      .catch(noneOf(sdk.ResourceNotFoundException));
    return reply?.events ?? [];
  };
  const startTime = Math.floor(attempt.scheduledAt * 1000) - SLACK_MS;
  const named = await search({ startTime, filterPattern: `"${attempt.requestId}"` });
  const ended = attempt.endedAt > 0;
  const endTime = ended ? (named.at(-1)?.timestamp ?? 0) + 1 : undefined;
  const streams = [...new Set(named.map(({ logStreamName }) => logStreamName ?? ""))];
  const found = await Promise.all(
    streams.map(async (stream) => {
      const events = await search({ startTime, endTime, logStreamNames: [stream] });
      const lines = events.map(({ timestamp = 0, message = "" }) => ({ timestamp, message }));
      return linesOf(attempt.requestId, lines, ended);
    }),
  );
  return found.flat();
}

/** Where the function logs to: what it says itself, or what AWS has for one that is gone. */
async function groupOf(name: string): Promise<string> {
  const { sdk, client } = await lambda();
  const configuration = await client
    .send(new sdk.GetFunctionConfigurationCommand({ FunctionName: name }))
    .catch(noneOf(sdk.ResourceNotFoundException));
  return configuration?.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`;
}

/** Nothing where AWS says that there is no such thing: a function may be gone, and a group comes with its first line. */
function noneOf(absence: abstract new (...given: never[]) => Error): (error: unknown) => null {
  return (error) => {
    if (error instanceof absence) return null;
    throw error;
  };
}
