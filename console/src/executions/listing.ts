import { get } from "../api/client";
import type { ExecutionPage, News } from "../api/types";
import { Observable } from "../ui/observable";
import { type Filters, matches, toQuery } from "./filters";
import { append, hear, NO_ROWS, ROWS_MAX, type Rows, refresh } from "./rows";

const PAGE = 200;

/** A search that finds little goes on by itself so many times; each one looks for 0.3 seconds. */
const SEARCHES_MAX = 20;

/** News that are kept for a page on its way; they come four times a second. */
const MEANWHILE_MAX = 200;

/** What another process does is not in the news: the first page is read again after so long. */
const REFRESH_MS = 10_000;

export interface Listed {
  rows: Rows;
  /** Where older ones begin: null where there are none, undefined before the first page. */
  before: number | null | undefined;
  /** Everything started since then has been looked at. */
  searchedTo: number | null;
  /** `paused`: has looked for long and is to be told to go on. */
  reading: "no" | "yes" | "paused";
  error: unknown;
}

const NOTHING: Listed = { rows: NO_ROWS, before: undefined, searchedTo: null, reading: "no", error: null };

/** Reads a page; the query is the console's. */
export type ReadPage = (query: ReturnType<typeof toQuery>, signal: AbortSignal) => Promise<ExecutionPage>;

const fromServer: ReadPage = (query, signal) => get("executions", query, signal);

/** The executions that filters let through: page by page as they are wanted, and as news tell of them. */
export class Listing extends Observable<Listed> {
  private aborted = new AbortController();
  private timer: ReturnType<typeof setInterval> | undefined;
  private following = true;
  /** What was heard while pages are on their way, for each of them. */
  private readonly meanwhile = new Set<News[]>();

  constructor(
    readonly filters: Filters,
    private readonly read: ReadPage = fromServer,
  ) {
    super(NOTHING);
  }

  /** Begin, perhaps again, with the latest ones. */
  start(): void {
    this.stop();
    this.set({ ...NOTHING, rows: { ...this.state().rows, fresh: new Set(), stale: false } });
    this.timer = setInterval(() => void this.refresh(), REFRESH_MS);
    void this.more();
  }

  stop(): void {
    this.aborted.abort();
    this.aborted = new AbortController();
    clearInterval(this.timer);
  }

  /** Whether rows may move: not while somebody reads further down. */
  follow(following: boolean): void {
    this.following = following;
    if (this.moves && (this.state().rows.fresh.size > 0 || this.state().rows.stale)) void this.refresh();
  }

  /** No news tell whether a text is in a payload. */
  private get moves(): boolean {
    return this.following && this.filters.text === "";
  }

  /** Read older ones, until a page is full or it takes long. */
  async more(): Promise<void> {
    const { reading, before } = this.state();
    if (reading === "yes" || before === null || this.isFull) return;
    const { signal } = this.aborted;
    this.set({ reading: "yes", error: null });
    try {
      let found = 0;
      for (let searches = 0; searches < SEARCHES_MAX && found < PAGE; searches++) {
        const page = await this.page(this.state().before, signal, (page) => this.take(page));
        if (page === null) return;
        found += page.executions.length;
        if (page.before === null) break;
      }
      this.set({ reading: this.state().before === null || found >= PAGE ? "no" : "paused" });
    } catch (error) {
      if (!signal.aborted) this.set({ reading: "paused", error });
    }
  }

  private take(page: ExecutionPage): void {
    const { rows, before } = this.state();
    // Until the first page of a new beginning is there, the rows of the one before stay in sight.
    const base = before === undefined ? NO_ROWS : rows;
    this.set({ rows: append(base, page), before: page.before, searchedTo: page.searchedTo });
  }

  get isFull(): boolean {
    return this.state().before !== undefined && this.state().rows.items.length >= ROWS_MAX;
  }

  hear(news: News): void {
    for (const kept of this.meanwhile) if (kept.length < MEANWHILE_MAX) kept.push(news);
    this.apply(news);
    if (news.missed && this.moves) void this.refresh();
  }

  private apply(news: News): void {
    const { rows, before, reading } = this.state();
    if (before === undefined) return;
    const now = Date.now() / 1000;
    this.set({
      rows: hear(rows, news, {
        matches: (change) => matches(change, this.filters, now),
        moves: this.moves,
        complete: before === null,
      }),
    });
    if (this.state().rows.items.length === 0 && reading === "no") void this.more();
  }

  /** Read the first page again, where rows may move. What goes wrong is told by the next page that is wanted. */
  private async refresh(): Promise<void> {
    const { signal } = this.aborted;
    const { rows: asked, before } = this.state();
    if (!this.moves || before === undefined) return;
    await this.page(undefined, signal, (page) => {
      if (!this.moves) return;
      const rows = refresh(this.state().rows, asked, page);
      if (rows === null) this.start();
      else this.set({ rows });
    }).catch(() => null);
  }

  /** Read a page and take it in; null where the list was begun anew. What was heard meanwhile is the later word. */
  private async page(
    before: number | null | undefined,
    signal: AbortSignal,
    take: (page: ExecutionPage) => void,
  ): Promise<ExecutionPage | null> {
    const heard: News[] = [];
    this.meanwhile.add(heard);
    try {
      const query = { ...toQuery(this.filters, Date.now() / 1000), limit: PAGE, before };
      const page = await this.read(query, signal);
      if (signal.aborted) return null;
      take(page);
      for (const news of heard) this.apply(news);
      return page;
    } finally {
      this.meanwhile.delete(heard);
    }
  }
}
