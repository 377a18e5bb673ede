import type { Query } from "../api/client";
import type { Change } from "../api/types";

export const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"] as const;

/** The stretches of time that have a name in the address, in seconds. */
export const STRETCHES: Record<string, number> = { "1h": 3_600, "24h": 86_400, "7d": 7 * 86_400 };

/**
 * Which executions are shown, as the address has it; "" is any. `from` is one of `STRETCHES`, or a moment as `to` is: an
 * ISO time in UTC, so that a link means the same everywhere.
 */
export interface Filters {
  machine: string;
  statuses: string[];
  name: string;
  text: string;
  from: string;
  to: string;
}

export const NO_FILTERS: Filters = { machine: "", statuses: [], name: "", text: "", from: "", to: "" };

export function readFilters(search: URLSearchParams): Filters {
  const of = (name: string) => search.get(name) ?? "";
  const named = of("status").split(",");
  return {
    machine: of("machine"),
    statuses: STATUSES.filter((status) => named.includes(status)),
    name: of("name"),
    text: of("text"),
    from: isTime(of("from")) ? of("from") : "",
    to: isMoment(of("to")) ? of("to") : "",
  };
}

export function writeFilters(filters: Filters): URLSearchParams {
  const { statuses, ...rest } = filters;
  const members = Object.entries({ ...rest, status: statuses.join(",") });
  return new URLSearchParams(members.filter(([, value]) => value !== ""));
}

/** Where the executions stand that such filters let through. */
export function find(filters: Partial<Filters>): string {
  return `/executions?${writeFilters({ ...NO_FILTERS, ...filters })}`;
}

/** Whether anything is left out. */
export function isFiltered(filters: Filters): boolean {
  return writeFilters(filters).size > 0;
}

/** What the server is asked. Stretches of time end `now`, in epoch seconds. */
export function toQuery(filters: Filters, now: number): Query {
  const { from, before } = span(filters, now);
  return {
    stateMachine: filters.machine,
    statuses: filters.statuses.join(","),
    name: filters.name,
    text: filters.text,
    startedFrom: from,
    startedBefore: before,
  };
}

/** Whether an execution that news tell of is to be shown, as far as news tell: they hold no text of payloads. */
export function matches(change: Change, filters: Filters, now: number): boolean {
  const { from, before } = span(filters, now);
  return (
    change.mapRun === "" &&
    (filters.machine === "" || filters.machine === change.stateMachineArn) &&
    (filters.statuses.length === 0 || filters.statuses.includes(change.status)) &&
    change.name.toLowerCase().includes(filters.name.toLowerCase()) &&
    (from === null || change.startedAt >= from) &&
    (before === null || change.startedAt < before)
  );
}

function span(filters: Filters, now: number): { from: number | null; before: number | null } {
  const stretch = STRETCHES[filters.from];
  return { from: stretch === undefined ? seconds(filters.from) : now - stretch, before: seconds(filters.to) };
}

function seconds(moment: string): number | null {
  return moment === "" ? null : Date.parse(moment) / 1000;
}

function isMoment(text: string): boolean {
  return !Number.isNaN(Date.parse(text));
}

function isTime(text: string): boolean {
  return Object.hasOwn(STRETCHES, text) || isMoment(text);
}

/** A moment of the address as a field for local times shows it, and back. */
export function toLocal(moment: string): string {
  if (!isMoment(moment)) return "";
  const at = new Date(moment);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function fromLocal(local: string): string {
  return local === "" ? "" : new Date(local).toISOString();
}
