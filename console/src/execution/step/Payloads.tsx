import { useState } from "react";
import type { StepDetail } from "../../api/types";
import { Payload } from "../../ui/Json";
import { Disclosure } from "../Disclosure";

/** What the step gave, and on demand how that differs from what it was given. */
export function Output({ detail }: { detail: StepDetail }) {
  const [compared, compare] = useState(false);
  if (detail.output === null) {
    return <p className="quiet-text">The state has not been left, so there is no output.</p>;
  }
  return (
    <div className="stack">
      <label className="row small">
        <input type="checkbox" checked={compared} onChange={() => compare(!compared)} /> Compare with the
        input
      </label>
      <Payload data={detail.output} label="Output" before={compared ? detail.input : undefined} />
      {detail.result !== null && (
        <Disclosure label="Result of the state's work">
          {() => detail.result && <Payload data={detail.result} label="Result" />}
        </Disclosure>
      )}
    </div>
  );
}

/** The variables that the state could see, and what it assigned. */
export function Variables({ detail }: { detail: StepDetail }) {
  const { variablesBefore: before, variablesAfter: after, assigned } = detail;
  if (before.text === "{}" && assigned.length === 0) {
    return <p className="quiet-text">There are no variables here.</p>;
  }
  return (
    <div className="stack">
      <p className="small">
        {assigned.length === 0
          ? "The state assigned none; these are what it could read."
          : `Assigned: ${assigned.join(", ")}. What changed is marked.`}
      </p>
      {after === null || assigned.length === 0 ? (
        <Payload data={before} label="Variables" />
      ) : (
        <Payload data={after} label="Variables before and after" before={before} />
      )}
    </div>
  );
}
