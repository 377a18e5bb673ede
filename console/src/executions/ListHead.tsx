import { type ReactNode, useEffect, useRef } from "react";
import type { Action } from "./bulk";
import { isEverythingChosen, NOTHING_CHOSEN, type Selection, toggleShown } from "./selection";

/** The head of the list: names of columns, or what is selected and what can be done with it. */
export function ListHead({
  arns,
  selection,
  select,
  isAllShown,
  act,
}: {
  arns: readonly string[];
  selection: Selection;
  select: (selection: Selection) => void;
  isAllShown: boolean;
  act: (action: Action) => void;
}) {
  const box = useRef<HTMLInputElement>(null);
  const some = selection.all || selection.chosen.size > 0;
  const every = isEverythingChosen(selection, arns);
  useEffect(() => {
    if (box.current !== null) box.current.indeterminate = some && !every;
  });
  const selectShown = (
    <input
      ref={box}
      type="checkbox"
      className="cell-choice"
      checked={every}
      aria-label="Select all that are shown"
      onChange={() => select(toggleShown(selection, arns))}
    />
  );
  if (!some) return <ColumnNames choice={selectShown} />;
  return (
    <div className="list-head selection-bar">
      {selectShown}
      <span className="small">{said(selection)}</span>
      {every && !selection.all && !isAllShown && (
        <button
          type="button"
          className="button quiet"
          onClick={() => select({ ...NOTHING_CHOSEN, all: true })}
        >
          Select all that match
        </button>
      )}
      <button type="button" className="button" onClick={() => act("stop")}>
        Stop …
      </button>
      <button type="button" className="button" onClick={() => act("redrive")}>
        Redrive …
      </button>
      <button type="button" className="button quiet" onClick={() => select(NOTHING_CHOSEN)}>
        Clear
      </button>
    </div>
  );
}

/** Each row says for itself what it shows. */
function ColumnNames({ choice }: { choice: ReactNode }) {
  return (
    <div className="list-head execution-row column-names">
      {choice}
      <span aria-hidden="true" className="choice-name">
        Select all
      </span>
      <span aria-hidden="true">Status</span>
      <span aria-hidden="true">Name</span>
      <span aria-hidden="true">State machine</span>
      <span aria-hidden="true">Started</span>
      <span aria-hidden="true">Lasted</span>
      <span aria-hidden="true">Error and cause</span>
    </div>
  );
}

function said({ all, chosen }: Selection): string {
  return all ? "All that match are selected" : `${chosen.size.toLocaleString()} selected`;
}
