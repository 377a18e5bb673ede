import { useMutation, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { Step, StepDetail } from "../../api/types";
import { Failure } from "../../ui/Failure";
import { Json } from "../../ui/Json";
import { pretty } from "../../ui/json";
import { Note } from "../../ui/Status";
import type { Story } from "../story";
import { caveats } from "./caveats";
import { Editors } from "./Editors";
import { evaluate, fieldOf, type Result } from "./evaluate";
import { recorded, type Subject } from "./request";
import { StageList } from "./StageList";
import "./dataflow.css";

interface Given {
  arn: string;
  story: Story;
  step: Step;
  detail: StepDetail;
}

/** How data went through one step: what each expression read and gave, and what it would give with edits. */
export default function DataFlow({ arn, story, step, detail }: Given) {
  const [chosen, setChosen] = useState<number | null>(null);
  const attempt = chosen ?? step.attempts.length - 1;
  const made = useMemo(
    () => prepare(story.definition, step, detail, attempt),
    [story.definition, step, detail, attempt],
  );
  return (
    <div className="stack flow">
      {step.attempts.length > 1 && <Attempts step={step} chosen={attempt} choose={setChosen} />}
      {"error" in made ? (
        <Note kind="caught">{made.error}</Note>
      ) : (
        <Evaluation
          key={`${arn} ${step.id} ${step.revised} ${attempt}`}
          subject={made.subject}
          step={step}
          detail={detail}
        />
      )}
    </div>
  );
}

function prepare(
  definition: string,
  step: Step,
  detail: StepDetail,
  attempt: number,
): { subject: Subject } | { error: string } {
  try {
    return { subject: recorded(definition, step, detail, attempt) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function Attempts({
  step,
  chosen,
  choose,
}: {
  step: Step;
  chosen: number;
  choose: (attempt: number) => void;
}) {
  return (
    <label className="field flow-attempts">
      Attempt
      <select value={chosen} onChange={(event) => choose(Number(event.target.value))}>
        {step.attempts.map((attempt, index) => (
          <option key={attempt.number} value={index}>
            {index + 1}: {attempt.error || attempt.status.toLowerCase().replace("_", " ")}
          </option>
        ))}
      </select>
    </label>
  );
}

function Evaluation({ subject, step, detail }: { subject: Subject; step: Step; detail: StepDetail }) {
  const [edits, setEdits] = useState<Subject | null>(null);
  const past = useQuery({
    queryKey: ["dataflow", subject],
    queryFn: ({ signal }) => evaluate(subject, signal),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const again = useMutation({
    mutationFn: (edited: Subject) => evaluate(edited, new AbortController().signal),
  });
  function toggle() {
    again.reset();
    setEdits(edits === null ? subject : null);
  }
  const shown = edits === null ? past.data : again.data;
  return (
    <>
      <div className="row">
        <Outcome result={shown} />
        <button type="button" className="button spread" onClick={toggle}>
          {edits === null ? "Evaluate again with edits" : "Back to what was recorded"}
        </button>
      </div>
      {edits === null ? (
        <Past error={past.error} result={past.data} subject={subject} step={step} detail={detail} />
      ) : (
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            again.mutate(edits);
          }}
        >
          <p className="quiet-text small">
            Nothing is stored and nothing is called: TestState evaluates the state by itself.
          </p>
          <Editors
            subject={edits}
            type={step.type}
            change={(part) => setEdits((before) => before && { ...before, ...part })}
            error={again.error}
          />
          <div className="row">
            <button type="submit" className="button primary" disabled={again.isPending}>
              Evaluate
            </button>
          </div>
          {again.error !== null && fieldOf(again.error) === null && <Failure error={again.error} />}
          {again.data && <StageList stages={again.data.stages} before={past.data?.stages ?? []} />}
          {again.data && <Output result={again.data} before={past.data} />}
        </form>
      )}
    </>
  );
}

function Past({
  error,
  result,
  subject,
  step,
  detail,
}: {
  error: unknown;
  result: Result | undefined;
  subject: Subject;
  step: Step;
  detail: StepDetail;
}) {
  if (error !== null) {
    return fieldOf(error) === null ? (
      <Failure error={error} />
    ) : (
      <Note kind="caught">{String((error as Error).message)}</Note>
    );
  }
  if (result === undefined) return <p className="quiet-text">Evaluating …</p>;
  return (
    <>
      {caveats(subject, step, detail, result.reply).map((text) => (
        <Note key={text} kind="caught">
          {text}
        </Note>
      ))}
      <Documents subject={subject} />
      <StageList stages={result.stages} />
      <Output result={result} />
    </>
  );
}

/** What the expressions read, besides each other's values. */
function Documents({ subject }: { subject: Subject }) {
  const documents: [string, string][] = [
    ["Input", subject.input],
    ["Variables", subject.variables],
    ["Context object", subject.context],
  ];
  return (
    <div className="flow-documents">
      {documents.map(([name, text]) => (
        <details key={name}>
          <summary>{name}</summary>
          <Json text={pretty(text)} label={name} />
        </details>
      ))}
    </div>
  );
}

const STATUSES: Record<string, string> = {
  SUCCEEDED: "The state succeeds",
  FAILED: "The state fails",
  RETRIABLE: "A retrier takes the error",
  CAUGHT_ERROR: "A catcher takes the error",
};

function Outcome({ result }: { result: Result | undefined }) {
  if (result === undefined) return null;
  const { status, nextState } = result.reply;
  return (
    <span>
      {STATUSES[status ?? ""] ?? status}
      {nextState !== undefined && (
        <>
          {" "}
          and goes on with <strong>{nextState}</strong>
        </>
      )}
    </span>
  );
}

function Output({ result, before }: { result: Result; before?: Result }) {
  const { output } = result.reply;
  if (output === undefined) return null;
  const earlier = before?.reply.output;
  return (
    <section className="stack" aria-label="Output of the state">
      <h3>Output of the state</h3>
      <Json
        text={pretty(output)}
        label="Output of the state"
        before={earlier === undefined ? undefined : pretty(earlier)}
      />
    </section>
  );
}
