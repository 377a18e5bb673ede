import { useMemo, useState } from "react";
import { Dialog } from "../ui/Dialog";
import { Tabs } from "../ui/Tabs";
import { duration } from "../ui/time";
import { CellDetail } from "./CellDetail";
import { type Matrix, matrices, type Place, titleOf } from "./cells";
import { LoadChart } from "./LoadChart";
import { costByLoad, goodputByClients } from "./lines";
import { Key, MatrixTable } from "./MatrixTable";
import { Paces } from "./Paces";
import { Profiles } from "./Profiles";
import type { Report } from "./report";

/** One run: what broke, cell by cell, then what it takes and costs. A cell opens with what proves it. */
export function ReportView({ report }: { report: Report }) {
  const [place, setPlace] = useState<Place | null>(null);
  const [workload, setWorkload] = useState("");
  const tables = useMemo(() => matrices(report), [report]);
  const { budget } = report;
  return (
    <div className="stack report">
      <header className="stack">
        <h2>{report.run}</h2>
        <p className="quiet-text">
          {[
            report.preset,
            report.started_at,
            duration(report.seconds),
            ...report.machine.values(),
            `budget ${budget.latency_milliseconds} ms and $${budget.dollars_per_million} per million at ${budget.requests_per_second}/s`,
          ].join(" · ")}
        </p>
      </header>
      <Words report={report} />
      <Key />
      <Tabs
        label="Workloads"
        chosen={workload}
        choose={setWorkload}
        tabs={tables.map((matrix) => ({
          id: matrix.workload,
          label: titleOf(report, "workloads", matrix.workload),
          content: () => <Workload report={report} matrix={matrix} choose={setPlace} />,
        }))}
      />
      <p className="small quiet-text">
        Again: <code>{report.command}</code>
      </p>
      {place !== null && (
        <Dialog title={heading(report, place)} close={() => setPlace(null)}>
          <CellDetail report={report} place={place} />
        </Dialog>
      )}
    </div>
  );
}

function Workload({
  report,
  matrix,
  choose,
}: {
  report: Report;
  matrix: Matrix;
  choose: (place: Place) => void;
}) {
  return (
    <div className="stack">
      <MatrixTable report={report} matrix={matrix} choose={choose} />
      <Profiles report={report} workload={matrix.workload} />
      <LoadChart
        title="Dollars per million requests, by requests a second"
        {...costByLoad(report, matrix.workload)}
        report={report}
      />
      <LoadChart
        title="Goodput by clients on one key, as a multiple of the fewest"
        {...goodputByClients(report, matrix.workload)}
        report={report}
      />
      <Paces report={report} workload={matrix.workload} />
    </div>
  );
}

function heading(report: Report, { workload, strategy, fault }: Place): string {
  const titles = [
    titleOf(report, "workloads", workload),
    titleOf(report, "strategies", strategy),
    titleOf(report, "faults", fault),
  ];
  return titles.join(", ");
}

/** Sentences are the file's own: the figures below are counted here, whatever these say. */
function Words({ report }: { report: Report }) {
  const lists: [string, string[]][] = [
    ["Conclusions", report.conclusions],
    ["Not as expected", report.disagreements],
  ];
  return (
    <section className="stack" aria-label="In the report's own words">
      {report.opening !== "" && <p className="opening">{report.opening}</p>}
      {lists
        .filter(([, said]) => said.length > 0)
        .map(([title, said]) => (
          <details key={title}>
            <summary>
              {title} ({said.length})
            </summary>
            <ul>
              {said.map((each) => (
                <li key={each}>{each}</li>
              ))}
            </ul>
          </details>
        ))}
    </section>
  );
}
