import type { EventItem } from "../api/types";

/** Events as the table shows them: without their payloads, which are read again when a row is opened. */
export interface EventRow {
  id: number;
  frame: number;
  /** Epoch seconds. */
  at: number;
  type: string;
  /** What it says, in one short line. */
  brief: string;
}

/** How many events are asked for at once. */
export const WINDOW = 500;

/** Which window an event is in, by the id that the window starts with. */
export function windowOf(id: number): number {
  return Math.floor((id - 1) / WINDOW) * WINDOW + 1;
}

const BRIEF_CHARACTERS = 160;

/** AWS's members that say most about an event, the most telling first. */
const TELLING = [
  "error",
  "cause",
  "output",
  "input",
  "resource",
  "workerName",
  "mapRunArn",
  "length",
  "redriveCount",
];

export function eventRow({ frame, event }: EventItem): EventRow {
  const { id, timestamp, type, ...rest } = event as Record<string, unknown>;
  return { id: Number(id), frame, at: Number(timestamp), type: String(type), brief: brief(rest) };
}

/** What is told of an event. AWS names the one member that has it after the type. */
export function detailsOf(event: Record<string, unknown>): Record<string, unknown> {
  const name = Object.keys(event).find((member) => member.endsWith("EventDetails"));
  return (name === undefined ? {} : event[name]) as Record<string, unknown>;
}

function brief(event: Record<string, unknown>): string {
  const details = detailsOf(event);
  const said = TELLING.filter((member) => details[member] !== undefined && details[member] !== "");
  const telling =
    said[0] === "error"
      ? said.filter((member) => member === "error" || member === "cause")
      : said.slice(0, 1);
  return telling
    .map((member) => String(details[member]).slice(0, BRIEF_CHARACTERS))
    .join(": ")
    .slice(0, BRIEF_CHARACTERS)
    .replace(/\s+/g, " ")
    .trim();
}

/** Whether a row has all the words of a filter in its type, its state or what it says. */
export function matches(row: EventRow, state: string, filter: string): boolean {
  const text = `${row.type} ${state} ${row.brief}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
