import type { ReactNode } from "react";
import { Status, tone } from "../ui/Status";
import { useNow } from "../ui/Time";
import { duration } from "../ui/time";
import { type Counts, parts, perSecond, rate, secondsLeft, settled } from "./progress";
import { type MapRun, useSamples } from "./useMapRun";

/** How far a Map Run is, how fast it goes, and how long the rest takes. `at` is when it was read, in milliseconds. */
export function Progress({ run, at }: { run: MapRun; at: number }) {
  const items = run.itemCounts;
  const executions = run.executionCounts;
  if (items === undefined || executions === undefined) return null;
  const batched = items.total !== executions.total;
  return (
    <section className="card stack" aria-label="Progress">
      <Counted name="Items" counts={items} isReading={run.status === "RUNNING"} />
      {batched && (
        <Counted name="Child executions" counts={executions} isReading={run.status === "RUNNING"} />
      )}
      <Speed run={run} at={at} items={items} />
    </section>
  );
}

/** AWS does not tell whether all items have been read: while it runs, there may be more. */
function Counted({ name, counts, isReading }: { name: string; counts: Counts; isReading: boolean }) {
  const total = counts.total ?? 0;
  const done = settled(counts);
  return (
    <div className="stack counted">
      <div className="row">
        <h2>{name}</h2>
        <span className="quiet-text">
          {done.toLocaleString()} of {total.toLocaleString()}
          {isReading && " read so far"}
          {total > 0 && ` · ${Math.floor((100 * done) / total)} %`}
        </span>
      </div>
      <div
        className="map-run-bar"
        role="progressbar"
        aria-label={name}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={done}
      >
        {parts(counts).map(({ status, count }) => (
          <span
            key={status}
            className={`map-run-part tone-${tone(status)}`}
            data-status={status}
            style={{ flexGrow: count }}
          />
        ))}
      </div>
      <ul className="map-run-counts">
        {parts(counts).map(({ status, count }) => (
          <li key={status}>
            <Status status={status} /> {count.toLocaleString()}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Speed({ run, at, items }: { run: MapRun; at: number; items: Counts }) {
  const samples = useSamples(run, at);
  const running = run.status === "RUNNING";
  const now = useNow(running);
  // What a redrive lets go on begins with it.
  const from = (run.startDate?.getTime() ?? 0) / 1000;
  const to = run.stopDate === undefined ? now : run.stopDate.getTime() / 1000;
  const done = settled(items);
  const lately = rate(samples);
  const left = secondsLeft((items.total ?? 0) - done, lately);
  const written = run.executionCounts?.resultsWritten ?? 0;
  const redriven = (run.redriveCount ?? 0) > 0;
  return (
    <dl className="map-run-figures">
      {running && <Figure name="Rate now">{perSecond(lately)}</Figure>}
      {!redriven && <Figure name="Rate overall">{perSecond(to > from ? done / (to - from) : null)}</Figure>}
      {running && <Figure name="Time left, about">{left === null ? "–" : duration(Math.ceil(left))}</Figure>}
      {written > 0 && <Figure name="Children with results written">{written.toLocaleString()}</Figure>}
    </dl>
  );
}

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
