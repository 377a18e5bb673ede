import type { ReactNode } from "react";
import { JsonEditor } from "../../ui/Json";
import { pretty } from "../../ui/json";
import { Note } from "../../ui/Status";
import { fieldOf } from "./evaluate";
import { type Field, isMocked, type Outcome, type Subject } from "./request";

/** Editors for all that an evaluation finds. An error stands at the one that it is about. */
export function Editors({
  subject,
  type,
  change,
  error,
}: {
  subject: Subject;
  type: string;
  change: (edits: Partial<Subject>) => void;
  error: unknown;
}) {
  const wrong = error === null ? null : fieldOf(error);
  const said = (field: Field) => wrong === field && <Note kind="failed">{messageOf(error)}</Note>;
  return (
    <div className="flow-editors">
      <Editor title="State's definition" said={said("fragment")}>
        <JsonEditor
          text={subject.fragment}
          label="State's definition"
          edit={(fragment) => change({ fragment })}
        />
      </Editor>
      <Editor title="Input" said={said("input")}>
        <JsonEditor text={pretty(subject.input)} label="Input" edit={(input) => change({ input })} />
      </Editor>
      <Editor title="Variables" said={said("variables")}>
        <JsonEditor
          text={pretty(subject.variables)}
          label="Variables"
          edit={(variables) => change({ variables })}
        />
      </Editor>
      {isMocked(type) && (
        <Editor
          title={type === "Task" ? "What the call gives" : "What the work gives"}
          said={said("outcome")}
        >
          <OutcomeEditor outcome={subject.outcome} change={(outcome) => change({ outcome })} />
        </Editor>
      )}
      {subject.fragment.includes('"ItemReader"') && (
        <Editor title="What the ItemReader reads" said={said("readerData")}>
          <textarea
            className="flow-text mono"
            aria-label="What the ItemReader reads"
            rows={5}
            value={subject.readerData}
            onChange={(event) => change({ readerData: event.target.value })}
          />
        </Editor>
      )}
    </div>
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function Editor({ title, said, children }: { title: string; said: ReactNode; children: ReactNode }) {
  return (
    <section className="stack flow-editor" aria-label={title}>
      <h3>{title}</h3>
      {children}
      {said}
    </section>
  );
}

function OutcomeEditor({ outcome, change }: { outcome: Outcome; change: (outcome: Outcome) => void }) {
  const kind = outcome.kind === "error" ? "error" : "result";
  return (
    <>
      <label className="field">
        Outcome
        <select
          value={kind}
          onChange={(event) =>
            change(
              event.target.value === "error"
                ? { kind: "error", error: "States.TaskFailed", cause: "" }
                : { kind: "result", result: "{}" },
            )
          }
        >
          <option value="result">A result</option>
          <option value="error">An error</option>
        </select>
      </label>
      {outcome.kind === "error" ? (
        <>
          <label className="field">
            Error
            <input
              value={outcome.error}
              onChange={(event) => change({ ...outcome, error: event.target.value })}
            />
          </label>
          <label className="field">
            Cause
            <textarea
              rows={4}
              value={outcome.cause}
              onChange={(event) => change({ ...outcome, cause: event.target.value })}
            />
          </label>
        </>
      ) : (
        <JsonEditor
          text={outcome.kind === "result" ? pretty(outcome.result) : ""}
          label="Result"
          edit={(result) => change({ kind: "result", result })}
        />
      )}
    </>
  );
}
