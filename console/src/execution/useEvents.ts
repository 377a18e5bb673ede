import { type QueryClient, useQueries, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { get } from "../api/client";
import { type EventRow, eventRow, WINDOW, windowOf } from "./events";

/** How many matches a filter finds at most. */
export const MATCHES_MAX = 5_000;

/** A window's rows stay for this long after they were in sight. */
const KEPT_MS = 120_000;

function windowQuery(arn: string, start: number) {
  return {
    queryKey: ["events", arn, start],
    queryFn: async ({ signal }: { signal?: AbortSignal }) => {
      const page = await get("execution/events", { arn, start, limit: WINDOW }, signal);
      return page.events.map(eventRow);
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: KEPT_MS,
  };
}

/** Whether a window has all that there is of it. The last one grows; an event that was read stays as it is. */
function covers(rows: EventRow[], start: number, last: number): boolean {
  return rows.length >= Math.min(WINDOW, last - start + 1);
}

/** The rows of the events `from` to `to`, as far as they have been read. */
export function useEvents(arn: string, last: number, from: number, to: number) {
  const starts: number[] = [];
  for (let start = windowOf(from); start <= Math.min(to, last); start += WINDOW) starts.push(start);
  const windows = useQueries({ queries: starts.map((start) => windowQuery(arn, start)) });
  useEffect(() => {
    windows.forEach(({ data, isFetching, refetch }, index) => {
      const start = windowOf(from) + index * WINDOW;
      if (data !== undefined && !isFetching && !covers(data, start, last)) void refetch();
    });
  }, [windows, from, last]);
  const rows = new Map(windows.flatMap(({ data }) => (data ?? []).map((row) => [row.id, row] as const)));
  return { rows, error: windows.find(({ error }) => error !== null)?.error ?? null };
}

async function readWindow(
  queries: QueryClient,
  arn: string,
  start: number,
  last: number,
): Promise<EventRow[]> {
  const query = windowQuery(arn, start);
  const known = queries.getQueryData<EventRow[]>(query.queryKey);
  return known !== undefined && covers(known, start, last)
    ? known
    : queries.fetchQuery({ ...query, staleTime: 0 });
}

export interface Matches {
  rows: EventRow[];
  /** Up to which event has been looked. */
  searched: number;
  error: unknown;
}

const NONE: Matches = { rows: [], searched: 0, error: null };

/** All events that `wanted` takes, found window by window; null looks for nothing. It goes on as events are added. */
export function useMatches(arn: string, last: number, wanted: ((row: EventRow) => boolean) | null): Matches {
  const queries = useQueryClient();
  const [found, setFound] = useState<{ of: typeof wanted; matches: Matches }>({ of: null, matches: NONE });
  const { rows, searched, error } = found.of === wanted ? found.matches : NONE;
  useEffect(() => {
    if (wanted === null || error !== null || searched >= last || rows.length >= MATCHES_MAX) return;
    let gone = false;
    const tell = (matches: Matches) => gone || setFound({ of: wanted, matches });
    readWindow(queries, arn, windowOf(searched + 1), last)
      .then((window) => {
        const more = window.filter((row) => row.id > searched && wanted(row));
        const reached = window.at(-1)?.id ?? last;
        tell({ rows: [...rows, ...more].slice(0, MATCHES_MAX), searched: reached, error: null });
      })
      .catch((failure: unknown) => tell({ rows, searched, error: failure }));
    return () => {
      gone = true;
    };
  }, [queries, arn, last, wanted, rows, searched, error]);
  return { rows, searched, error };
}
