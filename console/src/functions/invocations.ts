import type { InvocationItem } from "../api/types";

/** A line of a function's log. `at` is epoch seconds. */
export interface LogLine {
  at: number;
  text: string;
}

export interface LogText {
  lines: LogLine[];
  /** Lines of other invocations may stand among them, which ran at the same time and wrote to the same stream. */
  shared: boolean;
}

const FRAME = /^(?:START|END|REPORT) RequestId: (\S+)/;

/** What of a stream's lines belongs to one invocation: from its START to its REPORT, without the frames of others. */
export function linesOf(lines: LogLine[], requestId: string): LogText {
  const framed = lines.map((line) => ({ line, id: FRAME.exec(line.text)?.[1] }));
  const first = framed.findIndex(({ id }) => id === requestId);
  const last = framed.findLastIndex(({ id }) => id === requestId);
  const within = first < 0 ? framed : framed.slice(first, last + 1);
  const own = within.filter(({ id }) => id === undefined || id === requestId);
  return { lines: own.map(({ line }) => line), shared: first < 0 || own.length < within.length };
}

/** When a log has to be read for one invocation, in epoch milliseconds: its cold start and a second more at both ends. */
export function logSpan({ at, durationMs, initMs }: InvocationItem): { startTime: number; endTime: number } {
  return {
    startTime: Math.floor(at * 1000 - durationMs - (initMs ?? 0) - 1000),
    endTime: Math.ceil(at * 1000 + 1000),
  };
}

/** The invocations as a chart has them: their times, and the durations of those that a row is about. */
export type Strip = [
  at: number[],
  warm: (number | null)[],
  cold: (number | null)[],
  failed: (number | null)[],
];

export function strip(invocations: InvocationItem[]): Strip {
  const ordered = [...invocations].sort((first, second) => first.at - second.at);
  const those = (wanted: (invocation: InvocationItem) => boolean) =>
    ordered.map((invocation) => (wanted(invocation) ? invocation.durationMs : null));
  return [
    ordered.map((invocation) => invocation.at),
    those(({ error, initMs }) => error === "" && initMs === null),
    those(({ initMs }) => initMs !== null),
    those(({ error }) => error !== ""),
  ];
}

export function milliseconds(value: number | null): string {
  if (value === null) return "–";
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** What Invoke gives back as base64: the last 4 KB of the log. It may begin within a character. */
export function decodeTail(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

const DAY_SECONDS = 86_400;
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hour12: false });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "2-digit" });

/** The marks of a time axis: times within a day, else dates; one that says the same as the one before is left out. */
export function timeTicks(seconds: number[]): (string | null)[] {
  const span = (seconds.at(-1) ?? 0) - (seconds[0] ?? 0);
  const format = span > DAY_SECONDS ? DAY : CLOCK;
  const said = seconds.map((at) => format.format(at * 1000));
  return said.map((text, place) => (text === said[place - 1] ? null : text));
}
