import type { ReactNode } from "react";
import { Json } from "../../ui/Json";
import { pretty } from "../../ui/json";
import { Note } from "../../ui/Status";
import { Cause } from "../Cause";
import type { Line, Stage } from "./stages";

/** The stages of an evaluation; with `before`, beside what they were in that one. */
export function StageList({ stages, before }: { stages: Stage[]; before?: Stage[] }) {
  const gone = (before ?? []).filter((old) => stages.every((stage) => stage.field !== old.field));
  return (
    <ol className="flow-stages" aria-label="Stages">
      {stages.map((stage) => (
        <StageCard
          key={stage.field}
          stage={stage}
          before={before?.find((old) => old.field === stage.field)}
          compared={before !== undefined}
        />
      ))}
      {gone.map((stage) => (
        <li key={stage.field} className="flow-stage quiet-text">
          <h3>{stage.field}</h3> was not applied with the edits.
        </li>
      ))}
    </ol>
  );
}

function StageCard({ stage, before, compared }: { stage: Stage; before?: Stage; compared: boolean }) {
  const changed = compared && (stage.value !== before?.value || stage.fragment !== before?.fragment);
  return (
    <li className="flow-stage">
      <div className="row">
        <h3>{stage.field}</h3>
        {changed && <span className="status tone-caught">Changed</span>}
        {stage.value === null && stage.error === null && stage.note === "" && (
          <span className="quiet-text small">Not reached</span>
        )}
      </div>
      {stage.note !== "" && <p className="small">{stage.note}</p>}
      {stage.error !== null && (
        <Note kind="failed">
          <Cause {...stage.error} />
        </Note>
      )}
      {stage.lines.map((line) => (
        <LineRow
          key={line.path}
          line={line}
          before={before?.lines.find((old) => old.path === line.path)}
          compared={compared}
        />
      ))}
      <Whole stage={stage} before={compared ? before : undefined} />
    </li>
  );
}

function LineRow({ line, before, compared }: { line: Line; before?: Line; compared: boolean }) {
  return (
    <dl className="flow-line">
      <Part name="Expression" value={line.expression} code>
        {line.path !== "" && <code className="flow-path">{line.path}</code>}
      </Part>
      <Part name="Reads" value={line.reads.length === 0 ? "nothing" : line.reads.join(", ")} />
      {compared ? (
        <>
          <Part name="Recorded value" value={shownValue(before)} code />
          <Part
            name="Value with edits"
            value={shownValue(line)}
            code
            changed={shownValue(line) !== shownValue(before)}
          />
        </>
      ) : (
        <Part name="Value" value={shownValue(line)} code />
      )}
    </dl>
  );
}

function Part({
  name,
  value,
  code,
  changed,
  children,
}: {
  name: string;
  value: string;
  code?: boolean;
  changed?: boolean;
  children?: ReactNode;
}) {
  return (
    <div className={changed ? "flow-part flow-part-changed" : "flow-part"}>
      <dt>{name}</dt>
      <dd className={code ? "mono" : ""}>
        {children}
        {value}
      </dd>
    </div>
  );
}

const SHOWN_CHARACTERS = 300;

function shownValue(line: Line | undefined): string {
  const text = line?.error ?? line?.value ?? "no value";
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)} …` : text;
}

/** The field's definition and all that it gave. */
function Whole({ stage, before }: { stage: Stage; before?: Stage }) {
  const { field, fragment, value } = stage;
  const earlier = before?.value == null ? undefined : pretty(before.value);
  return (
    <div className="flow-whole">
      {fragment !== null && (
        <details>
          <summary>Definition</summary>
          <Json text={fragment} label={`Definition of ${field}`} before={before?.fragment ?? undefined} />
        </details>
      )}
      {value !== null && (
        <details open={stage.lines.length === 0 || (before !== undefined && before.value !== value)}>
          <summary>Whole value</summary>
          <Json text={pretty(value)} label={`What ${field} gave`} before={earlier} />
        </details>
      )}
    </div>
  );
}
