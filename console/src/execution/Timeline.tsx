import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type RefObject, useEffect, useId, useMemo, useRef, useState } from "react";
import type { Step } from "../api/types";
import { useNow } from "../ui/Time";
import { around } from "./find";
import type { Story } from "./story";
import { Axis, Cursor } from "./TimelineAxis";
import { TimelineRow } from "./TimelineRow";
import { rows as layRows, type Row, whole } from "./timeline";
import { type TimeSpan, useTimeSpan, useWheel } from "./useTimeSpan";
import "./timeline.css";

const ROW_HEIGHT = 30;
const AXIS_HEIGHT = 28;
const PIXELS_PER_TICK = 90;

/**
 * What happened when: a row for each step, below the Parallel or Map that it is in. `cursor` is the moment that is
 * looked at, in epoch seconds, and `at` its event.
 */
export function Timeline({
  story,
  at,
  cursor,
  selected,
  select,
}: {
  story: Story;
  at: number | null;
  cursor: number | null;
  selected: number | null;
  select: (step: number) => void;
}) {
  const { execution } = story.page;
  const now = useNow(execution.status === "RUNNING");
  const end = latest(story, execution.status === "RUNNING" ? now : (execution.stoppedAt ?? now));
  const time = useTimeSpan(whole(execution.startedAt, end));
  return (
    <div className="stack timeline">
      <Tools time={time} omitted={story.page.firstStep > 0} />
      <Tree
        steps={story.steps}
        startedAt={execution.startedAt}
        now={end}
        time={time}
        at={at}
        cursor={cursor}
        selected={selected}
        select={select}
      />
    </div>
  );
}

/** The latest time that is known of. The server's clock may be ahead of the browser's. */
function latest(story: Story, end: number): number {
  let found = end;
  for (const step of story.steps.values()) found = Math.max(found, step.enteredAt, step.endedAt);
  return found;
}

function Tools({ time, omitted }: { time: TimeSpan; omitted: boolean }) {
  return (
    <div className="row small">
      <fieldset className="row group" aria-label="Zoom">
        <button type="button" className="button" aria-label="Zoom in on the timeline" onClick={time.closer}>
          +
        </button>
        <button
          type="button"
          className="button"
          aria-label="Zoom out of the timeline"
          onClick={time.farther}
          disabled={!time.zoomed}
        >
          −
        </button>
        <button type="button" className="button" onClick={time.fit} disabled={!time.zoomed}>
          Fit
        </button>
        <button
          type="button"
          className="button"
          aria-label="Earlier"
          onClick={() => time.pan(-0.5)}
          disabled={!time.zoomed}
        >
          ←
        </button>
        <button
          type="button"
          className="button"
          aria-label="Later"
          onClick={() => time.pan(0.5)}
          disabled={!time.zoomed}
        >
          →
        </button>
      </fieldset>
      {omitted && <span className="quiet-text">The oldest steps are not kept any more.</span>}
      <ul className="legend spread" aria-label="Legend">
        <li className="bar queued tone-running">Scheduled</li>
        <li className="bar work tone-running">Works</li>
        <li className="bar wait tone-running">Waits</li>
        <li className="bar pause">Pause before a retry</li>
      </ul>
    </div>
  );
}

interface TreeProps {
  steps: Map<number, Step>;
  startedAt: number;
  now: number;
  time: TimeSpan;
  at: number | null;
  cursor: number | null;
  selected: number | null;
  select: (step: number) => void;
}

/** The rows as a tree, as WAI-ARIA has it: the arrows move and open, Enter selects. */
function Tree({ steps, startedAt, now, time, at, cursor, selected, select }: TreeProps) {
  const prefix = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const axis = useRef<HTMLDivElement>(null);
  const { rows, toggle } = useRows(steps, selected);
  const [active, setActive] = useState<number | null>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    scrollMargin: AXIS_HEIGHT,
    scrollPaddingStart: AXIS_HEIGHT,
    overscan: 12,
  });
  const width = useWidth(axis);
  useWheel(scroller, axis, time);
  useShown(rows, selected, virtual.scrollToIndex);
  const current = rows.findIndex(({ step }) => step.id === (active ?? selected));

  function go(index: number) {
    const row = rows[Math.min(Math.max(index, 0), rows.length - 1)];
    if (row === undefined) return;
    setActive(row.step.id);
    virtual.scrollToIndex(rows.indexOf(row));
  }
  function pressed(event: KeyboardEvent) {
    if (press(event, { rows, current, go, toggle, select, time })) event.preventDefault();
  }
  return (
    <div className="timeline-scroller" ref={scroller} style={{ height: heightOf(rows.length) }}>
      <Axis
        span={time.span}
        startedAt={startedAt}
        most={width / PIXELS_PER_TICK}
        track={axis}
        cursor={cursor}
      />
      <div
        role="tree"
        aria-label="Timeline of steps"
        tabIndex={0}
        aria-activedescendant={current >= 0 ? `${prefix}-${rows[current]?.step.id}` : undefined}
        className="timeline-rows"
        style={{ height: virtual.getTotalSize() }}
        onKeyDown={pressed}
      >
        <div className="timeline-over" aria-hidden="true">
          <Cursor at={cursor} span={time.span} />
        </div>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          return (
            row !== undefined && (
              <TimelineRow
                key={row.step.id}
                id={`${prefix}-${row.step.id}`}
                row={row}
                parent={steps.get(row.step.parent)}
                now={now}
                span={time.span}
                startedAt={startedAt}
                top={item.start - AXIS_HEIGHT}
                later={at !== null && row.step.id > at}
                selected={row.step.id === selected}
                active={item.index === current}
                select={() => {
                  setActive(row.step.id);
                  select(row.step.id);
                }}
                toggle={() => toggle(row)}
              />
            )
          );
        })}
      </div>
    </div>
  );
}

/** As high as its rows, up to what leaves room for the rest of the page. */
function heightOf(count: number): string {
  return `min(${AXIS_HEIGHT + Math.max(count, 2) * ROW_HEIGHT + 12}px, max(20rem, 60vh))`;
}

interface Keys {
  rows: Row[];
  current: number;
  go: (index: number) => void;
  toggle: (row: Row) => void;
  select: (step: number) => void;
  time: TimeSpan;
}

/** Do what a key stands for; false where it stands for nothing. */
function press(event: KeyboardEvent, { rows, current, go, toggle, select, time }: Keys): boolean {
  const row = rows[current];
  const actions: Record<string, (() => void) | undefined> = {
    ArrowDown: () => go(current + 1),
    ArrowUp: () => go(current - 1),
    Home: () => go(0),
    End: () => go(rows.length - 1),
    PageDown: () => go(current + 10),
    PageUp: () => go(current - 10),
    Enter: row && (() => select(row.step.id)),
    " ": row && (() => select(row.step.id)),
    ArrowRight: row && (() => (row.inside > 0 && !row.open ? toggle(row) : go(current + 1))),
    ArrowLeft:
      row && (() => (row.open ? toggle(row) : go(rows.findIndex(({ step }) => step.id === row.step.parent)))),
    "+": time.closer,
    "-": time.farther,
    "0": time.fit,
  };
  const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : actions[event.key];
  action?.();
  return action !== undefined;
}

function useRows(steps: Map<number, Step>, selected: number | null) {
  const [toggled, setToggled] = useState<ReadonlyMap<number, boolean>>(new Map());
  const rows = useMemo(() => layRows(steps, toggled), [steps, toggled]);
  const latest = useRef(steps);
  latest.current = steps;
  // What is selected elsewhere is to be seen here: what it is in opens, once.
  useEffect(() => {
    const step = selected === null ? undefined : latest.current.get(selected);
    const closed = step === undefined ? [] : around(latest.current, step);
    if (closed.length > 0)
      setToggled((before) => new Map([...before, ...closed.map(({ id }) => [id, true] as const)]));
  }, [selected]);
  const toggle = (row: Row) => setToggled((before) => new Map(before).set(row.step.id, !row.open));
  return { rows, toggle };
}

/** Bring a newly selected step's row into sight, as soon as it is there. */
function useShown(rows: Row[], selected: number | null, scroll: (index: number) => void): void {
  const shown = useRef<number | null>(null);
  useEffect(() => {
    if (selected === shown.current) return;
    const index = rows.findIndex(({ step }) => step.id === selected);
    if (index < 0) return;
    shown.current = selected;
    scroll(index);
  }, [rows, selected, scroll]);
}

function useWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const watched = element.current;
    if (watched === null) return;
    const observer = new ResizeObserver(() => setWidth(watched.clientWidth));
    observer.observe(watched);
    return () => observer.disconnect();
  }, [element]);
  return width;
}
