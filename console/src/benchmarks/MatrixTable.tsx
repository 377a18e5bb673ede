import { Scrolled } from "../ui/Scrolled";
import { type Cell, type Kind, MARKS, type Matrix, type Place, SPOKEN, titleOf } from "./cells";
import type { Report } from "./report";

/** Strategies by faults. Each cell opens what it was judged by. */
export function MatrixTable({
  report,
  matrix,
  choose,
}: {
  report: Report;
  matrix: Matrix;
  choose: (place: Place) => void;
}) {
  const { workload, faults, rows } = matrix;
  return (
    <Scrolled label={`${titleOf(report, "workloads", workload)}: strategies by faults`}>
      <table className="plain matrix">
        <thead>
          <tr>
            <th scope="col">Strategy</th>
            {faults.map((fault) => (
              <th key={fault} scope="col">
                {titleOf(report, "faults", fault)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ strategy, cells }) => (
            <tr key={strategy}>
              <th scope="row">{titleOf(report, "strategies", strategy)}</th>
              {cells.map((cell, place) => {
                const fault = faults[place] ?? "";
                return (
                  <td key={fault}>
                    <CellButton cell={cell} open={() => choose({ workload, strategy, fault })} />
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}

function CellButton({ cell, open }: { cell: Cell | null; open: () => void }) {
  if (cell === null) return <span className="quiet-text">–</span>;
  return (
    <button type="button" className="cell" onClick={open}>
      <Said kind={cell.kind} text={cell.text} note={cell.note} />
      {cell.surprises && <em>not as expected</em>}
    </button>
  );
}

/** A verdict: its mark and its colour, and its words for who sees neither. */
export function Said({ kind, text, note }: { kind: Kind; text: string; note: string }) {
  return (
    <>
      <b className={`verdict-${kind}`}>
        <span aria-hidden="true">{MARKS[kind]} </span>
        <span className="sr-only">{SPOKEN[kind]}: </span>
        {text}
      </b>
      {note !== "" && <small> ({note})</small>}
    </>
  );
}

/** What the marks mean. */
export function Key() {
  return (
    <ul className="row small key" aria-label="What the marks mean">
      {(Object.keys(MARKS) as Kind[]).map((kind) => (
        <li key={kind} className={`verdict-${kind}`}>
          <span aria-hidden="true">{MARKS[kind]}</span> {SPOKEN[kind]}
        </li>
      ))}
    </ul>
  );
}
