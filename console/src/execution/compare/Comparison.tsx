import { useDeferredValue, useMemo, useState } from "react";
import { Link } from "react-router";
import { to } from "../../app/links";
import { Json, Payload } from "../../ui/Json";
import { pretty } from "../../ui/json";
import { Note, Status } from "../../ui/Status";
import { Lasted, Time } from "../../ui/Time";
import type { Story } from "../story";
import { align } from "./align";
import { firstDifference, parting } from "./differences";
import { PairData } from "./PairData";
import { PairList } from "./PairList";

/** What two executions have in common and where they differ. */
export function Comparison({ left, right }: { left: Story; right: Story }) {
  const [one, other] = [useDeferredValue(left), useDeferredValue(right)];
  const pairs = useMemo(() => align(one.steps.values(), other.steps.values()), [one, other]);
  const first = useMemo(() => firstDifference(pairs), [pairs]);
  const [chosen, setChosen] = useState<number | null>(null);
  const at = chosen ?? (first < 0 ? 0 : first);
  const pair = pairs[at];
  const shortened = left.page.firstStep > 0 || right.page.firstStep > 0;
  return (
    <>
      <Note kind={first < 0 ? "succeeded" : "caught"}>
        <strong>{parting(pairs)}</strong>
      </Note>
      {shortened && <Note kind="aborted">Of the longer execution only the latest steps are compared.</Note>}
      <div className="compare-heads">
        <Head side="Left" story={left} />
        <Head side="Right" story={right} />
      </div>
      <PairList pairs={pairs} chosen={at} first={first} choose={setChosen} />
      {pair !== undefined && <PairData left={left} right={right} pair={pair} />}
      <Whole left={left} right={right} />
    </>
  );
}

function Head({ side, story }: { side: string; story: Story }) {
  const { execution, revision, machineType } = story.page;
  return (
    <section className="card stack" aria-label={`${side} execution`}>
      <div className="row">
        <span className="quiet-text small">{side}</span>
        <Link to={to.execution(execution.executionArn)} className="compare-name">
          {execution.name}
        </Link>
        <Status status={execution.status} />
      </div>
      <dl className="facts small">
        <dt>Started</dt>
        <dd>
          <Time at={execution.startedAt} />
        </dd>
        <dt>Took</dt>
        <dd>
          <Lasted from={execution.startedAt} to={execution.stoppedAt} />
        </dd>
        <dt>Steps</dt>
        <dd>{story.steps.size.toLocaleString()}</dd>
        <dt>Definition</dt>
        <dd>
          revision {revision}, {machineType.toLowerCase()}
        </dd>
      </dl>
    </section>
  );
}

/** What the executions were given and gave, and their definitions. */
function Whole({ left, right }: { left: Story; right: Story }) {
  const [one, other] = [left.page, right.page];
  const sameDefinition = left.definition === right.definition;
  return (
    <section className="stack" aria-label="The executions as a whole">
      <h2>The executions as a whole</h2>
      <div className="compare-data">
        <div className="stack">
          <h3>Input</h3>
          <Payload data={other.input} before={one.input} label="Input of the executions" />
        </div>
        {one.output !== null && other.output !== null && (
          <div className="stack">
            <h3>Output</h3>
            <Payload data={other.output} before={one.output} label="Output of the executions" />
          </div>
        )}
      </div>
      <h3>Definition</h3>
      {sameDefinition ? (
        <p className="compare-note quiet-text">Both ran the same definition.</p>
      ) : (
        <Json text={pretty(right.definition)} before={pretty(left.definition)} label="Definitions" />
      )}
    </section>
  );
}
