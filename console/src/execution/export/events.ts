import { get } from "../../api/client";
import type { EventItem } from "../../api/types";
import { readJson } from "../../ui/json";
import { detailsOf, WINDOW } from "../events";

/** Beyond it a report does not help, and a browser does not open it. */
export const EVENTS_MAX = 5_000;

/** An event as AWS tells it. */
export interface HistoryEvent {
  id: number;
  type: string;
  timestamp: number;
  previousEventId: number;
  details: Record<string, unknown>;
}

/** The first events of an execution, page after page, and the id of the last that there is. */
export async function readEvents(
  arn: string,
  signal: AbortSignal,
  tell: (events: number) => void,
): Promise<{ events: HistoryEvent[]; last: number }> {
  const events: HistoryEvent[] = [];
  for (;;) {
    const start = (events.at(-1)?.id ?? 0) + 1;
    const limit = Math.min(WINDOW, EVENTS_MAX - events.length);
    const page = await get("execution/events", { arn, start, limit }, signal);
    events.push(...page.events.map(eventOf));
    tell(events.length);
    if (page.events.length === 0 || events.length >= Math.min(page.last, EVENTS_MAX)) {
      return { events, last: page.last };
    }
  }
}

export function eventOf({ event }: EventItem): HistoryEvent {
  const members = event as Record<string, unknown>;
  return {
    id: Number(members.id),
    type: String(members.type),
    timestamp: Number(members.timestamp),
    previousEventId: Number(members.previousEventId),
    details: detailsOf(members),
  };
}

/** Details as people read them: JSON that is told as text laid out with the rest, without AWS's marks of truncation. */
export function readable(details: Record<string, unknown>): Record<string, unknown> {
  const members = Object.entries(details).filter(([name]) => !name.endsWith("Details"));
  return Object.fromEntries(members.map(([name, value]) => [name, unfolded(value)]));
}

/** Of the members only payloads hold objects and arrays as text; assigned variables are texts by their names. */
function unfolded(value: unknown): unknown {
  if (typeof value === "string") return /^\s*[[{]/.test(value) ? parsed(value) : value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, parsed(String(text))]));
}

function parsed(text: string): unknown {
  try {
    return readJson(text);
  } catch {
    return text;
  }
}
