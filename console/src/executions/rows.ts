import type { Change, ExecutionItem, ExecutionPage, News } from "../api/types";

/** Executions that are kept. Older ones are found by narrower filters. */
export const ROWS_MAX = 20_000;

/** News that wait are counted up to here. */
export const FRESH_MAX = 1_000;

/**
 * What a list shows: executions, the latest started first. `fresh` are those that came up while nothing was to move;
 * with `stale`, there was more news than could be told.
 */
export interface Rows {
  items: readonly ExecutionItem[];
  fresh: ReadonlySet<string>;
  stale: boolean;
}

export const NO_ROWS: Rows = { items: [], fresh: new Set(), stale: false };

/** The rows with a further page. News may have told of some of it before. */
export function append(rows: Rows, page: ExecutionPage): Rows {
  return { ...rows, items: merged(rows.items, page.executions) };
}

/**
 * The rows with the first page read again, which was asked for while they were `asked`: what it leaves out is no longer
 * found. Null where so much is new that the page does not reach down to what is shown.
 */
export function refresh(rows: Rows, asked: Rows, page: ExecutionPage): Rows | null {
  const reaches = page.before === null ? Number.NEGATIVE_INFINITY : (page.searchedTo ?? 0);
  const newest = asked.items[0];
  if (newest !== undefined && newest.startedAt < reaches) return null;
  const found = new Set(page.executions.map((item) => item.executionArn));
  const gone = new Set<string>();
  for (const { executionArn, startedAt } of asked.items) {
    if (startedAt <= reaches) break;
    if (!found.has(executionArn)) gone.add(executionArn);
  }
  const kept = gone.size > 0 ? rows.items.filter((item) => !gone.has(item.executionArn)) : rows.items;
  return { items: merged(kept, page.executions), fresh: new Set(), stale: false };
}

/** How news are taken in. `moves` says whether rows may come and go; `complete`, that nothing older is left to read. */
export interface Hearing {
  matches: (change: Change) => boolean;
  moves: boolean;
  complete: boolean;
}

/** The rows after news. Those that are shown change in place. */
export function hear(rows: Rows, news: News, { matches, moves, complete }: Hearing): Rows {
  const changes = new Map(news.changes.map((change) => [change.executionArn, change]));
  const oldest = complete
    ? Number.NEGATIVE_INFINITY
    : (rows.items.at(-1)?.startedAt ?? Number.POSITIVE_INFINITY);
  const items: ExecutionItem[] = [];
  for (const item of rows.items) {
    const change = changes.get(item.executionArn);
    changes.delete(item.executionArn);
    if (change === undefined) items.push(item);
    else if (!moves || matches(change)) items.push({ ...item, ...told(change) });
  }
  // What is older than all that is shown comes with its page.
  const arrived = [...changes.values()].filter((change) => matches(change) && change.startedAt >= oldest);
  if (moves) return { ...rows, items: merged(items, arrived.map(item)) };
  const fresh = new Set(rows.fresh);
  for (const { executionArn } of arrived) if (fresh.size < FRESH_MAX) fresh.add(executionArn);
  return { items, fresh, stale: rows.stale || news.missed };
}

function told(change: Change) {
  return {
    status: change.status,
    stoppedAt: change.stoppedAt === 0 ? null : change.stoppedAt,
    redriveCount: change.redriveCount,
    error: change.error === "" ? null : change.error,
    cause: change.cause === "" ? null : change.cause,
  };
}

/** What news do not tell is read with the first page. */
function item(change: Change): ExecutionItem {
  return {
    executionArn: change.executionArn,
    stateMachineArn: change.stateMachineArn,
    name: change.name,
    startedAt: change.startedAt,
    version: null,
    alias: null,
    redrivenAt: null,
    mapRun: null,
    item: null,
    warnings: [],
    ...told(change),
  };
}

/** Both in one order, each execution once, and no more than are kept. The second ones are the later read. */
function merged(shown: readonly ExecutionItem[], read: readonly ExecutionItem[]): ExecutionItem[] {
  if (read.length === 0) return shown.slice(0, ROWS_MAX);
  const again = new Set(read.map((item) => item.executionArn));
  const others = shown.filter((item) => !again.has(item.executionArn));
  return [...others, ...read].sort(latestFirst).slice(0, ROWS_MAX);
}

function latestFirst(one: ExecutionItem, other: ExecutionItem): number {
  return other.startedAt - one.startedAt || (one.executionArn < other.executionArn ? 1 : -1);
}
