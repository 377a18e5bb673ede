import type { ReactNode } from "react";
import { Scrolled } from "../ui/Scrolled";
import { duration } from "../ui/time";
import { disagreements, entryOf, outcomesAt, type Place, percent, totals } from "./cells";
import { Said } from "./MatrixTable";
import type { Outcome, Report, Verdict, Witness } from "./report";
import { columnsOf, rowsOf } from "./witness";

/** What one cell was judged by: its measures, its repetitions, and the rows of the history that prove what broke. */
export function CellDetail({ report, place }: { report: Report; place: Place }) {
  const outcomes = outcomesAt(report, place);
  const witnesses = outcomes.flatMap((outcome) =>
    [...outcome.verdicts].flatMap(([measure, verdict]) =>
      verdict.witnesses.map((witness) => ({ measure, witness, repetition: outcome.repetition })),
    ),
  );
  return (
    <>
      <Measures outcomes={outcomes} />
      {outcomes.map((outcome) => (
        <Facts key={outcome.repetition} outcome={outcome} repeated={outcomes.length > 1} />
      ))}
      <Guards report={report} strategy={place.strategy} />
      {witnesses.length > 0 && <h3>What proves it</h3>}
      {witnesses.map(({ measure, witness, repetition }) => (
        <Proof key={`${repetition} ${measure} ${witness.text}`} measure={measure} witness={witness} />
      ))}
    </>
  );
}

function Measures({ outcomes }: { outcomes: Outcome[] }) {
  const [single, ...others] = outcomes;
  return (
    <Scrolled label="Measures">
      <table className="plain measures">
        <thead>
          <tr>
            <th scope="col">Measure</th>
            <th scope="col">Found</th>
            <th scope="col">95 % interval</th>
            <th scope="col">Expected</th>
          </tr>
        </thead>
        <tbody>
          {[...totals(outcomes)].map(([measure, sum]) => (
            <tr key={measure}>
              <th scope="row">{measure}</th>
              <td>
                <Said {...entryOf(sum)} />
              </td>
              <td>{others.length === 0 ? interval(single?.verdicts.get(measure)) : "–"}</td>
              <td>{expectation(outcomes, measure)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}

function interval(verdict: Verdict | undefined): string {
  if (verdict?.interval == null || verdict.invalid !== null) return "–";
  return `${percent(verdict.interval.low)} to ${percent(verdict.interval.high)}`;
}

function expectation(outcomes: Outcome[], measure: string): ReactNode {
  const first = outcomes[0];
  if (first?.possible.includes(measure)) return "either";
  const said = first?.expected.includes(measure) ? "an anomaly" : "none";
  const surprises = outcomes.some((outcome) => disagreements(outcome).includes(measure));
  return surprises ? (
    <>
      {said}, <em className="verdict-invalid">not as expected</em>
    </>
  ) : (
    said
  );
}

function Facts({ outcome, repeated }: { outcome: Outcome; repeated: boolean }) {
  const { recovery } = outcome;
  const facts = [
    `the fault fired ${outcome.fired} times`,
    outcome.writes > 0 && `${outcome.refused} of ${outcome.writes} writes refused`,
    recovery && `${recovery.survived} of ${recovery.acknowledged} acknowledged before and there in the end`,
    recovery && (recovery.seconds === null ? "no return seen" : `back after ${duration(recovery.seconds)}`),
  ].filter((fact) => typeof fact === "string");
  return (
    <p className="small quiet-text">
      {repeated && `Repetition ${outcome.repetition + 1}: `}
      {facts.join(" · ")}
    </p>
  );
}

function Guards({ report, strategy }: { report: Report; strategy: string }) {
  const guards = report.guards.filter((guard) => guard.strategy === strategy);
  if (guards.length === 0) return null;
  return (
    <details>
      <summary>Guards of this strategy ({guards.length})</summary>
      <ul className="small">
        {guards.map((guard) => (
          <li key={guard.name}>
            {guard.name}, {guard.lines} lines:{" "}
            {guard.tried ? (guard.caught_by ?? "nothing fails without it") : "not tried"}
            {guard.caught_by !== null && " fails without it"}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** One anomaly in words, and its rows: who did what when, then everything that was recorded. */
function Proof({ measure, witness }: { measure: string; witness: Witness }) {
  const rows = rowsOf(witness);
  const columns = columnsOf(rows);
  return (
    <article className="card stack proof">
      <p>
        <strong>{measure}</strong> {witness.text}
      </p>
      {columns.length > 0 && (
        <Scrolled label="The rows that prove it">
          <table className="plain small">
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column} scope="col">
                    {column.replaceAll("_", " ")}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, place) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: rows are as they were recorded, and never change
                <tr key={place}>
                  {columns.map((column) => (
                    <td key={column}>{row.get(column)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scrolled>
      )}
      <details>
        <summary>Everything that was recorded</summary>
        <pre className="small">
          {witness.rows.map((row) => JSON.stringify(Object.fromEntries(row))).join("\n")}
        </pre>
      </details>
    </article>
  );
}
