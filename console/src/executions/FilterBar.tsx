import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState } from "react";
import { get } from "../api/client";
import { nameOf } from "../app/links";
import { Status } from "../ui/Status";
import { type Filters, fromLocal, isFiltered, NO_FILTERS, STATUSES, STRETCHES, toLocal } from "./filters";

const SETTLED_MS = 350;

const STRETCH_NAMES: Record<string, string> = {
  "1h": "Last hour",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
};

/** What is looked for. Each change is told whole. */
export function FilterBar({ filters, change }: { filters: Filters; change: (filters: Filters) => void }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const set = (changes: Partial<Filters>) => change({ ...filters, ...changes });
  return (
    <search className="filter-bar" aria-label="Filters">
      <div className="row">
        <SettledField
          className="filter-text"
          label="Text in input, output, error or cause"
          value={filters.text}
          settle={(text) => set({ text })}
          isSearch
        />
        <button
          type="button"
          className="button filter-more"
          aria-expanded={open}
          aria-controls={id}
          onClick={() => setOpen(!open)}
        >
          More filters
        </button>
        <div id={id} className="row filter-rest" data-open={open}>
          <MachineField value={filters.machine} choose={(machine) => set({ machine })} />
          <SettledField label="Name" value={filters.name} settle={(name) => set({ name })} />
          <TimeFields filters={filters} set={set} />
        </div>
      </div>
      <div className="row">
        <StatusChips chosen={filters.statuses} choose={(statuses) => set({ statuses })} />
        {isFiltered(filters) && (
          <button type="button" className="button quiet" onClick={() => change(NO_FILTERS)}>
            Clear filters
          </button>
        )}
      </div>
    </search>
  );
}

function StatusChips({ chosen, choose }: { chosen: string[]; choose: (statuses: string[]) => void }) {
  return (
    <fieldset className="chips">
      <legend className="sr-only">Status</legend>
      {STATUSES.map((status) => {
        const pressed = chosen.includes(status);
        return (
          <button
            key={status}
            type="button"
            className="chip"
            aria-pressed={pressed}
            onClick={() => choose(pressed ? chosen.filter((one) => one !== status) : [...chosen, status])}
          >
            <Status status={status} />
          </button>
        );
      })}
    </fieldset>
  );
}

function MachineField({ value, choose }: { value: string; choose: (machine: string) => void }) {
  const machines = useQuery({
    queryKey: ["machines"],
    queryFn: ({ signal }) => get("machines", { hours: 24 }, signal),
  });
  const known = machines.data?.machines.map((machine) => machine.stateMachineArn) ?? [];
  const arns = value === "" || known.includes(value) ? known : [value, ...known];
  return (
    <label className="field">
      State machine
      <select value={value} onChange={(event) => choose(event.target.value)}>
        <option value="">Any</option>
        {arns.map((arn) => (
          <option key={arn} value={arn}>
            {nameOf(arn)}
          </option>
        ))}
      </select>
    </label>
  );
}

function TimeFields({ filters, set }: { filters: Filters; set: (changes: Partial<Filters>) => void }) {
  const custom = filters.to !== "" || (filters.from !== "" && STRETCHES[filters.from] === undefined);
  const [opened, setOpened] = useState(custom);
  const shown = custom || opened ? "custom" : filters.from;
  function choose(stretch: string) {
    setOpened(stretch === "custom");
    if (stretch !== "custom") set({ from: stretch, to: "" });
  }
  return (
    <>
      <label className="field">
        Started
        <select value={shown} onChange={(event) => choose(event.target.value)}>
          <option value="">At any time</option>
          {Object.entries(STRETCH_NAMES).map(([stretch, name]) => (
            <option key={stretch} value={stretch}>
              {name}
            </option>
          ))}
          <option value="custom">From … to …</option>
        </select>
      </label>
      {shown === "custom" && (
        <>
          <MomentField label="From" value={filters.from} choose={(from) => set({ from })} />
          <MomentField label="To" value={filters.to} choose={(to) => set({ to })} />
        </>
      )}
    </>
  );
}

function MomentField(props: { label: string; value: string; choose: (moment: string) => void }) {
  return (
    <label className="field">
      {props.label}
      <input
        type="datetime-local"
        value={toLocal(props.value)}
        onChange={(event) => props.choose(fromLocal(event.target.value))}
      />
    </label>
  );
}

/** A text that is told when one has stopped typing, or presses Enter. */
function SettledField({
  label,
  value,
  settle,
  className = "",
  isSearch,
}: {
  label: string;
  value: string;
  settle: (text: string) => void;
  className?: string;
  isSearch?: boolean;
}) {
  const [text, setText] = useState(value);
  const latest = useRef(settle);
  latest.current = settle;
  const told = useRef(value);
  const tell = (settled: string) => {
    told.current = settled;
    latest.current(settled);
  };
  useEffect(() => {
    // What was told here comes back, perhaps after one has gone on typing.
    if (value !== told.current) setText(value);
    told.current = value;
  }, [value]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what is typed begins to settle
  useEffect(() => {
    if (text === told.current) return;
    const timer = setTimeout(() => tell(text), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label className={`field ${className}`}>
      {label}
      <input
        type="search"
        value={text}
        maxLength={1000}
        data-search={isSearch}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === "Enter" && tell(text)}
      />
    </label>
  );
}
