import { useEffect, useId, useState } from "react";
import { Link } from "react-router";
import type { ExecutionItem } from "../api/types";
import { to } from "../app/links";
import { Dialog } from "../ui/Dialog";
import { Failure } from "../ui/Failure";
import { useObserved } from "../ui/observable";
import { Note } from "../ui/Status";
import { VirtualRows } from "../ui/VirtualRows";
import { type Action, Bulk, type BulkState, RATE_MAX, type Subject } from "./bulk";
import { ROWS_MAX } from "./rows";

const NAMES: Record<Action, { title: string; verb: string; done: string }> = {
  stop: { title: "Stop executions", verb: "Stop", done: "stopped" },
  redrive: { title: "Redrive executions", verb: "Redrive", done: "redriven" },
};

/** Stop or redrive many executions: first what would happen, then how it goes. */
export function BulkDialog({
  action,
  subject,
  close,
}: {
  action: Action;
  /** Asked once, at the beginning. */
  subject: () => Subject;
  close: (ended: boolean) => void;
}) {
  const [bulk] = useState(() => new Bulk(action, subject()));
  const state = useObserved(bulk);
  useEffect(() => {
    void bulk.look();
    return () => bulk.cancel();
  }, [bulk]);
  const leave = () => close(state.phase === "ended");
  return (
    <Dialog title={NAMES[action].title} close={leave}>
      {state.error !== null && <Failure error={state.error} />}
      <DryRun state={state} action={action} />
      {(state.phase === "running" || state.phase === "ended") && <Results state={state} action={action} />}
      <Controls bulk={bulk} state={state} close={leave} />
    </Dialog>
  );
}

function DryRun({ state, action }: { state: BulkState; action: Action }) {
  const left = [...state.left].sort(([, one], [, other]) => other.length - one.length);
  if (state.phase === "finding") {
    return <p role="status">Finding executions: {state.found.toLocaleString()} up to now …</p>;
  }
  if (state.phase === "asking") {
    const label = `Asked ${state.asked.toLocaleString()} of ${state.found.toLocaleString()} what could be done`;
    return <Bar label={label} value={state.asked} of={state.found} />;
  }
  return (
    <>
      {state.found >= ROWS_MAX && (
        <Note kind="caught">
          Only the latest {ROWS_MAX.toLocaleString()} are taken at once. Older ones can follow after them.
        </Note>
      )}
      <Named
        summary={`${state.touched.length.toLocaleString()} of ${state.found.toLocaleString()} can be ${NAMES[action].done}`}
        rows={state.touched}
      />
      {left.map(([reason, items]) => (
        <Named key={reason} summary={`${items.length.toLocaleString()} left alone: ${reason}`} rows={items} />
      ))}
    </>
  );
}

/** How many there are and why; which ones, when one asks. */
function Named({ summary, rows }: { summary: string; rows: readonly ExecutionItem[] }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="named" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {open && rows.length > 0 && (
        <Executions label={summary} rows={rows.map((item) => ({ item, said: item.status }))} />
      )}
    </details>
  );
}

function Results({ state, action }: { state: BulkState; action: Action }) {
  const of = state.touched.length;
  const ended = state.done + state.failed.length;
  const label = `${state.done.toLocaleString()} ${NAMES[action].done}, ${(of - ended).toLocaleString()} to go`;
  const throttled = state.failed.filter((failure) => failure.throttled).length;
  return (
    <>
      <Bar label={label} value={ended} of={of} />
      {state.phase === "ended" && ended < of && (
        <Note kind="aborted">Cancelled: {(of - ended).toLocaleString()} were not begun.</Note>
      )}
      {state.failed.length > 0 && (
        <>
          <Note kind="failed">
            <strong>{state.failed.length.toLocaleString()} failed</strong>
            {throttled > 0 && `, ${throttled.toLocaleString()} of them because the server was busy`}
          </Note>
          <Executions
            label="What failed"
            rows={state.failed.map(({ item, message }) => ({ item, said: message }))}
          />
        </>
      )}
    </>
  );
}

function Executions({ label, rows }: { label: string; rows: { item: ExecutionItem; said: string }[] }) {
  return (
    <VirtualRows
      count={rows.length}
      rowHeight={32}
      height={`min(${rows.length * 32}px, 12rem)`}
      label={label}
      row={(index) => {
        const row = rows[index];
        return (
          row && (
            <div className="bulk-row">
              <Link to={to.execution(row.item.executionArn)}>{row.item.name}</Link>
              <span className="quiet-text" title={row.said}>
                {row.said}
              </span>
            </div>
          )
        );
      }}
    />
  );
}

function Bar({ label, value, of }: { label: string; value: number; of: number }) {
  const id = useId();
  return (
    <div className="stack">
      <label htmlFor={id} className="small">
        {label}
      </label>
      <progress id={id} value={value} max={Math.max(1, of)} />
    </div>
  );
}

function Controls({ bulk, state, close }: { bulk: Bulk; state: BulkState; close: () => void }) {
  const [rate, setRate] = useState(bulk.perSecond);
  const rest = state.touched.length - state.done;
  function pace(wanted: number) {
    setRate(wanted);
    if (wanted >= 1 && wanted <= RATE_MAX) bulk.perSecond = wanted;
  }
  return (
    <div className="row">
      <label className="field">
        At most so many a second
        <input
          type="number"
          min={1}
          max={RATE_MAX}
          value={Number.isNaN(rate) ? "" : rate}
          onChange={(event) => pace(event.target.valueAsNumber)}
        />
      </label>
      <span className="row spread">
        {state.phase === "running" ? (
          <button type="button" className="button" onClick={() => bulk.cancel()}>
            Cancel
          </button>
        ) : (
          <button type="button" className="button" onClick={close}>
            Close
          </button>
        )}
        {(state.phase === "ready" || (state.phase === "ended" && rest > 0)) && (
          <button
            type="button"
            className={`button ${bulk.action === "stop" ? "danger" : "primary"}`}
            disabled={rest === 0}
            onClick={() => void bulk.run()}
          >
            {NAMES[bulk.action].verb} {state.phase === "ended" && "the remaining "}
            {rest.toLocaleString()}
          </button>
        )}
      </span>
    </div>
  );
}
