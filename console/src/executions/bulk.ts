import { stepFunctions } from "../api/aws";
import { get } from "../api/client";
import type { ExecutionItem, ExecutionPage } from "../api/types";
import { Observable } from "../ui/observable";
import { type Filters, toQuery } from "./filters";
import { isThrottled, type Pace, paced } from "./paced";
import { ROWS_MAX } from "./rows";

export type Action = "stop" | "redrive";

/** What a bulk action is about: some executions, or all that match filters. */
export type Subject = { items: readonly ExecutionItem[] } | { filters: Filters };

export interface Failure {
  item: ExecutionItem;
  message: string;
  throttled: boolean;
}

export interface BulkState {
  /** `finding` executions, `asking` of each what would be done, `ready` to begin, `running`, `ended`. */
  phase: "finding" | "asking" | "ready" | "running" | "ended";
  found: number;
  asked: number;
  touched: readonly ExecutionItem[];
  /** What is left alone, by the reason for it. */
  left: ReadonlyMap<string, readonly ExecutionItem[]>;
  done: number;
  failed: readonly Failure[];
  error: unknown;
}

/** The calls of a bulk action. A verdict is the reason why an execution is left alone, null where it is not. */
export interface Calls {
  find: (subject: Subject, found: (count: number) => void, signal: AbortSignal) => Promise<ExecutionItem[]>;
  verdict: (action: Action, item: ExecutionItem) => Promise<string | null>;
  act: (action: Action, item: ExecutionItem) => Promise<void>;
}

export const RATE = 10;
export const RATE_MAX = 100;

const PAGE = 500;
const ASKED_PER_SECOND = 500;
const IN_FLIGHT = 6;

/** Pages see at most so many changes a second. */
const SHOWN_MS = 100;

/** A bulk action from the dry run to the end. */
export class Bulk extends Observable<BulkState> {
  perSecond = RATE;
  private aborted = new AbortController();
  private touched: ExecutionItem[] = [];
  private left = new Map<string, ExecutionItem[]>();
  private failed: Failure[] = [];
  private asked = 0;
  private readonly done = new Set<string>();
  private shown: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly action: Action,
    private readonly subject: Subject,
    private readonly calls: Calls = new ServerCalls(),
  ) {
    super({
      phase: "finding",
      found: 0,
      asked: 0,
      touched: [],
      left: new Map(),
      done: 0,
      failed: [],
      error: null,
    });
  }

  /** The dry run: which executions it would touch, and why not the others. */
  async look(): Promise<void> {
    const { signal } = this.begin("finding");
    this.touched = [];
    this.left = new Map();
    this.asked = 0;
    try {
      const items = await this.calls.find(this.subject, (found) => this.set({ found }), signal);
      this.set({ phase: "asking", found: items.length });
      const ask = (item: ExecutionItem) => this.calls.verdict(this.action, item);
      await paced(items, ask, this.pace(signal, ASKED_PER_SECOND), (item, settled) => {
        this.judge(item, "error" in settled ? String(settled.error) : settled.result);
      });
      if (!signal.aborted) this.finish("ready");
    } catch (error) {
      if (!signal.aborted) this.set({ error });
    }
  }

  private judge(item: ExecutionItem, reason: string | null): void {
    this.asked++;
    if (reason === null) this.touched.push(item);
    else if (this.left.get(reason)?.push(item) === undefined) this.left.set(reason, [item]);
    this.show();
  }

  /** Do it for those that the dry run has found; again, for those of them for which it is not yet done. */
  async run(): Promise<void> {
    const items = this.touched.filter((item) => !this.done.has(item.executionArn));
    const { signal } = this.begin("running");
    this.failed = [];
    const act = (item: ExecutionItem) => this.calls.act(this.action, item);
    await paced(items, act, this.pace(signal), (item, settled) => {
      if ("error" in settled) this.failed.push(failure(item, settled.error));
      else this.done.add(item.executionArn);
      this.show();
    });
    this.finish("ended");
  }

  /** Begin no more. What is under way ends. */
  cancel(): void {
    this.aborted.abort();
    clearTimeout(this.shown);
  }

  private begin(phase: BulkState["phase"]): AbortController {
    this.cancel();
    this.aborted = new AbortController();
    this.set({ phase, error: null });
    return this.aborted;
  }

  private pace(signal: AbortSignal, perSecond?: number): Pace {
    return { perSecond: () => perSecond ?? this.perSecond, inFlight: IN_FLIGHT, signal };
  }

  private show(): void {
    this.shown ??= setTimeout(() => this.flush(), SHOWN_MS);
  }

  private finish(phase: BulkState["phase"]): void {
    this.flush();
    this.set({ phase });
  }

  private flush(): void {
    clearTimeout(this.shown);
    this.shown = undefined;
    this.set({
      asked: this.asked,
      touched: [...this.touched],
      left: new Map(this.left),
      done: this.done.size,
      failed: [...this.failed],
    });
  }
}

function failure(item: ExecutionItem, error: unknown): Failure {
  return { item, message: String(error), throttled: isThrottled(error) };
}

class ServerCalls implements Calls {
  private readonly stepFunctions = stepFunctions();

  async find(
    subject: Subject,
    found: (count: number) => void,
    signal: AbortSignal,
  ): Promise<ExecutionItem[]> {
    if ("items" in subject) return [...subject.items];
    const items: ExecutionItem[] = [];
    const query = toQuery(subject.filters, Date.now() / 1000);
    for (let before: number | null | undefined; before !== null && items.length < ROWS_MAX; ) {
      const page: ExecutionPage = await get("executions", { ...query, before, limit: PAGE }, signal);
      items.push(...page.executions);
      found(items.length);
      before = page.before;
    }
    return items.slice(0, ROWS_MAX);
  }

  async verdict(action: Action, { executionArn }: ExecutionItem): Promise<string | null> {
    const { sdk, client } = await this.stepFunctions;
    const described = await client.send(
      new sdk.DescribeExecutionCommand({ executionArn, includedData: "METADATA_ONLY" }),
    );
    if (action === "stop") {
      return described.status === "RUNNING" ? null : `Execution is ${described.status}, not RUNNING`;
    }
    if (described.redriveStatus === "REDRIVABLE") return null;
    return described.redriveStatusReason ?? `Execution is ${described.redriveStatus}`;
  }

  async act(action: Action, { executionArn }: ExecutionItem): Promise<void> {
    const { sdk, client } = await this.stepFunctions;
    if (action === "stop") await client.send(new sdk.StopExecutionCommand({ executionArn }));
    else await client.send(new sdk.RedriveExecutionCommand({ executionArn }));
  }
}
