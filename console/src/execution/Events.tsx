import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useCallback, useDeferredValue, useMemo, useRef, useState } from "react";
import { get } from "../api/client";
import { Failure } from "../ui/Failure";
import { Json } from "../ui/Json";
import { duration } from "../ui/time";
import { VirtualRows } from "../ui/VirtualRows";
import { type EventRow, matches } from "./events";
import { stepOfEvent, threads } from "./find";
import type { Story } from "./story";
import { MATCHES_MAX, useEvents, useMatches } from "./useEvents";
import "./events.css";

const ROW_HEIGHT = 34;

/** How many rows are read at first. */
const AHEAD = 60;

/** AWS's history events. An event selects its step, and shows the execution as it was then. */
export function Events({
  arn,
  story,
  selected,
  select,
  at,
  go,
}: {
  arn: string;
  story: Story;
  selected: number | null;
  select: (step: number) => void;
  at: number | null;
  go: (event: number) => void;
}) {
  const last = story.page.eventId;
  const [stateOf, stateOfLatest] = useStateOf(story);
  const [filter, setFilter] = useState("");
  const [seen, setSeen] = useState({ from: 0, to: AHEAD });
  const [opened, setOpened] = useState<number | null>(null);
  const [jump, setJump] = useState<{ index: number } | null>(null);
  const words = useDeferredValue(filter.trim());
  const wanted = useMemo(
    () => (words === "" ? null : (row: EventRow) => matches(row, stateOfLatest(row).name, words)),
    [words, stateOfLatest],
  );
  const found = useMatches(arn, last, wanted);
  const inSight = useEvents(arn, last, seen.from + 1, seen.to + 1);
  const ids = wanted === null ? null : found.rows.map(({ id }) => id);
  const indexOf = (id: number | null) => (id === null ? null : ids === null ? id - 1 : ids.indexOf(id));
  const error = found.error ?? inSight.error;

  function draw(index: number) {
    const row = ids === null ? inSight.rows.get(index + 1) : found.rows[index];
    if (row === undefined) return <p className="event-row quiet-text">Loading …</p>;
    const state = stateOf(row);
    return (
      <Event
        arn={arn}
        row={row}
        state={state.name}
        offset={row.at - story.page.execution.startedAt}
        selected={state.step !== null && state.step === selected}
        now={row.id === at}
        open={opened === row.id}
        toggle={() => setOpened(opened === row.id ? null : row.id)}
        select={() => state.step !== null && select(state.step)}
        go={() => go(row.id)}
      />
    );
  }
  return (
    <div className="stack">
      <Search filter={filter} setFilter={setFilter} last={last} jump={(id) => setJump({ index: id - 1 })} />
      {error !== null && <Failure error={error} />}
      <p className="small quiet-text" role="status">
        {wanted === null ? `${last} events` : foundText(found.rows.length, found.searched, last)}
      </p>
      <VirtualRows
        count={ids === null ? last : found.rows.length}
        rowHeight={ROW_HEIGHT}
        height="max(20rem, 60vh)"
        label="Events"
        row={draw}
        seen={(from, to) => setSeen((seen) => (seen.from === from && seen.to === to ? seen : { from, to }))}
        opened={indexOf(opened)}
        shown={ids === null ? jump : null}
      />
    </div>
  );
}

function foundText(count: number, searched: number, last: number): string {
  if (count >= MATCHES_MAX) return `The first ${MATCHES_MAX} events that match`;
  return searched < last ? `${count} so far, ${searched} of ${last} searched` : `${count} of ${last} events`;
}

type StateOf = (row: EventRow) => { step: number | null; name: string };

/** An event's step with the name of its state; the second one stays the same function as steps are added. */
function useStateOf(story: Story): [StateOf, StateOf] {
  const now = useMemo<StateOf>(() => {
    const of = threads(story.steps.values());
    return (row) => {
      const step = stepOfEvent(of, row.frame, row.id);
      return { step, name: (step !== null && story.steps.get(step)?.name) || "" };
    };
  }, [story.steps]);
  const latest = useRef(now);
  latest.current = now;
  const always = useCallback<StateOf>((row) => latest.current(row), []);
  return [now, always];
}

function Search({
  filter,
  setFilter,
  last,
  jump,
}: {
  filter: string;
  setFilter: (filter: string) => void;
  last: number;
  jump: (id: number) => void;
}) {
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const id = Number(new FormData(event.currentTarget).get("id"));
    if (id >= 1) jump(Math.min(id, last));
  }
  return (
    <div className="row">
      <input
        type="search"
        className="control event-search"
        placeholder="Filter by type, state or text"
        aria-label="Filter events by type, state or text"
        value={filter}
        onChange={(event) => setFilter(event.target.value)}
      />
      <form className="row" onSubmit={submit}>
        <input
          type="number"
          className="control jump"
          name="id"
          min="1"
          max={last}
          placeholder="Event"
          aria-label="Id of an event to go to"
        />
        <button type="submit" className="button" disabled={filter.trim() !== ""}>
          Go
        </button>
      </form>
    </div>
  );
}

function Event({
  arn,
  row,
  state,
  offset,
  selected,
  now,
  open,
  toggle,
  select,
  go,
}: {
  arn: string;
  row: EventRow;
  state: string;
  offset: number;
  selected: boolean;
  now: boolean;
  open: boolean;
  toggle: () => void;
  select: () => void;
  go: () => void;
}) {
  return (
    <div className="event" data-selected={selected} data-now={now}>
      <div className="event-row">
        <button
          type="button"
          className="event-toggle"
          aria-expanded={open}
          aria-label={`JSON of event ${row.id}`}
          onClick={toggle}
        >
          {open ? "▾" : "▸"}
        </button>
        <button type="button" className="event-id" title="Show the execution as it was then" onClick={go}>
          {row.id}
        </button>
        <span className="event-at">+{duration(offset)}</span>
        <button type="button" className="event-type" title={row.type} onClick={select}>
          {row.type}
        </button>
        <bdi className="event-state">{state}</bdi>
        <bdi className="event-brief">{row.brief}</bdi>
      </div>
      {open && <EventJson arn={arn} id={row.id} />}
    </div>
  );
}

function EventJson({ arn, id }: { arn: string; id: number }) {
  const event = useQuery({
    queryKey: ["event", arn, id],
    queryFn: ({ signal }) => get("execution/events", { arn, start: id, limit: 1 }, signal),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  if (event.error !== null) return <Failure error={event.error} />;
  if (event.data === undefined) return <p className="quiet-text">Loading …</p>;
  return (
    <div className="event-json">
      <Json text={JSON.stringify(event.data.events[0]?.event ?? null, null, 2)} label={`Event ${id}`} />
    </div>
  );
}
