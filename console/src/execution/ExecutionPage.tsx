import { lazy, Suspense, useCallback, useMemo } from "react";
import { useParams } from "react-router";
import type { Connection } from "../api/live";
import Graph from "../graph/Graph";
import { Failure } from "../ui/Failure";
import { Payload } from "../ui/Json";
import { type Tab, Tabs } from "../ui/Tabs";
import { Events } from "./Events";
import { Header } from "./Header";
import { Moment, useMoment } from "./Moment";
import { Notices } from "./Notices";
import { Standing } from "./Standing";
import { StepPanel } from "./step/StepPanel";
import { type Story, type Visits, visitsAt } from "./story";
import { Timeline } from "./Timeline";
import { TimeSlider } from "./TimeSlider";
import { useAt, useLook } from "./useLook";
import { useStory } from "./useStory";
import "./execution.css";

const ExecutionCost = lazy(() => import("../cost/ExecutionCost"));

/** One execution: what it did, what it is doing, and why. What is looked at stands in the address. */
export default function ExecutionPage() {
  const arn = useParams().arn ?? "";
  const { story, error, connection, read } = useStory(arn);
  return (
    <div className="page execution">
      {error !== null && <Failure error={error} />}
      {story !== null && <Shown key={arn} arn={arn} story={story} connection={connection} read={read} />}
      {story === null && error === null && <p className="empty">Loading …</p>}
    </div>
  );
}

interface ShownProps {
  arn: string;
  story: Story;
  connection: Connection;
  read: () => void;
}

function Shown({ arn, story, connection, read }: ShownProps) {
  const [look, change] = useLook();
  const [at, go] = useAt(look, change);
  const moment = useMoment(arn, look.at);
  const visits = useMemo(() => visitsAt(story.steps.values(), at), [story.steps, at]);
  const step = look.step === null ? undefined : story.steps.get(look.step);
  const select = useCallback((id: number) => change({ step: id, state: null }), [change]);
  const selectState = useCallback((state: string | null) => change(chosen(state, visits)), [change, visits]);
  const cursor = at === null ? null : (moment.data?.at ?? null);
  return (
    <>
      <Header arn={arn} story={story} connection={connection} read={read} />
      <Notices story={story} select={select} />
      <TimeSlider last={story.page.eventId} at={at} go={go} />
      <div className="execution-panes">
        <Graph
          definition={story.definition}
          label={story.page.label}
          visits={visits}
          selected={step?.name ?? look.state}
          select={selectState}
          height="var(--graph-height)"
        />
        <div className="execution-panel">
          {at !== null && <Moment event={at} moment={moment.data} error={moment.error} select={select} />}
          {step !== undefined && (
            <StepPanel
              arn={arn}
              story={story}
              step={step}
              view={look.view}
              look={(view) => change({ view })}
              select={select}
              read={read}
            />
          )}
          {step === undefined && (look.step !== null || look.state !== null) && (
            <p className="card">{absence(look.step, look.state)}</p>
          )}
          {look.step === null && look.state === null && at === null && (
            <Standing story={story} select={select} />
          )}
        </div>
      </div>
      <Tabs
        label="Views of the execution"
        chosen={look.tab}
        choose={(tab) => change({ tab })}
        tabs={views({ arn, story, selected: look.step, select, at, go, cursor })}
      />
    </>
  );
}

/** What choosing a state looks at: the latest visit to it, or that there was none. */
function chosen(state: string | null, visits: Map<string, Visits>) {
  const step = state === null ? null : (visits.get(state)?.step ?? null);
  return { step, state: step === null ? state : null };
}

function absence(step: number | null, state: string | null): string {
  return step === null ? `${state} was not entered.` : `No step that is kept was entered by event ${step}.`;
}

interface ViewsProps {
  arn: string;
  story: Story;
  selected: number | null;
  select: (step: number) => void;
  at: number | null;
  go: (at: number) => void;
  /** When that event was, as soon as it is known. */
  cursor: number | null;
}

function views({ arn, story, selected, select, at, go, cursor }: ViewsProps): Tab[] {
  return [
    {
      id: "timeline",
      label: "Timeline",
      content: () => <Timeline story={story} at={at} cursor={cursor} selected={selected} select={select} />,
    },
    {
      id: "events",
      label: "Events",
      content: () => <Events arn={arn} story={story} selected={selected} select={select} at={at} go={go} />,
    },
    { id: "data", label: "Input & output", content: () => <InputAndOutput story={story} /> },
    {
      id: "cost",
      label: "Cost",
      content: () => (
        <Suspense fallback={<p className="empty">Loading …</p>}>
          <ExecutionCost arn={arn} status={story.page.execution.status} />
        </Suspense>
      ),
    },
  ];
}

function InputAndOutput({ story }: { story: Story }) {
  const { input, output } = story.page;
  return (
    <div className="two-columns">
      <section className="stack">
        <h2>Input</h2>
        <Payload data={input} label="Input" />
      </section>
      <section className="stack">
        <h2>Output</h2>
        {output === null ? (
          <p className="quiet-text">There is no output: only an execution that succeeded has one.</p>
        ) : (
          <Payload data={output} label="Output" />
        )}
      </section>
    </div>
  );
}
