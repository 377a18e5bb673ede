import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { get } from "../../api/client";
import type { Step, StepDetail } from "../../api/types";
import { Failure } from "../../ui/Failure";
import { Payload } from "../../ui/Json";
import { Status } from "../../ui/Status";
import { type Tab, Tabs } from "../../ui/Tabs";
import type { Story } from "../story";
import { isLambda } from "./invocation";
import { Logs } from "./Logs";
import { Overview } from "./Overview";
import { Output, Variables } from "./Payloads";
import { TokenPanel } from "./TokenPanel";
import { VisitPicker } from "./VisitPicker";

const DataFlow = lazy(() => import("../dataflow/DataFlow"));

/** One step with all that is known of it. */
export function StepPanel({
  arn,
  story,
  step,
  view,
  look,
  select,
  read,
}: {
  arn: string;
  story: Story;
  step: Step;
  view: string;
  look: (view: string) => void;
  select: (step: number) => void;
  read: () => void;
}) {
  const { data: detail, error } = useStep(arn, step);
  return (
    <section className="card stack step" aria-label={`Step ${step.name}`}>
      <div className="row">
        <h2>
          <bdi>{step.name}</bdi>
        </h2>
        <Status status={step.status} />
        <span className="quiet-text small">{step.type}</span>
        <VisitPicker story={story} step={step} select={select} />
      </div>
      {error !== null && <Failure error={error} />}
      {detail !== undefined && <TokenPanel step={step} detail={detail} read={read} />}
      {detail !== undefined && (
        <Tabs
          label="Views of the step"
          chosen={view}
          choose={look}
          tabs={tabs(arn, story, step, detail, select)}
        />
      )}
      {detail === undefined && error === null && <p className="quiet-text">Loading …</p>}
    </section>
  );
}

/** A step's data, read again when a record has changed the step; the earlier one stays in sight meanwhile. */
function useStep(arn: string, step: Step) {
  return useQuery({
    queryKey: ["step", arn, step.id, step.revised],
    queryFn: ({ signal }) => get("execution/step", { arn, id: step.id }, signal),
    placeholderData: (before) => (before?.step.id === step.id ? before : undefined),
    staleTime: Number.POSITIVE_INFINITY,
    // Payloads may be large, and a step that works changes often.
    gcTime: 5_000,
  });
}

function tabs(
  arn: string,
  story: Story,
  step: Step,
  detail: StepDetail,
  select: (step: number) => void,
): Tab[] {
  const shown: (Tab | false)[] = [
    {
      id: "overview",
      label: "Overview",
      content: () => <Overview story={story} step={step} select={select} />,
    },
    { id: "input", label: "Input", content: () => <Payload data={detail.input} label="Input" /> },
    { id: "output", label: "Output", content: () => <Output detail={detail} /> },
    { id: "variables", label: "Variables", content: () => <Variables detail={detail} /> },
    step.attempts.some(isLambda) && {
      id: "logs",
      label: "Logs",
      content: () => <Logs step={step} detail={detail} />,
    },
    {
      id: "flow",
      label: "Data flow",
      content: () => (
        <Suspense fallback={<p className="quiet-text">Loading …</p>}>
          <DataFlow arn={arn} story={story} step={step} detail={detail} />
        </Suspense>
      ),
    },
  ];
  return shown.filter((tab) => tab !== false);
}
