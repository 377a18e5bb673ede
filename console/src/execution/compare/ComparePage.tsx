import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useId } from "react";
import { useSearchParams } from "react-router";
import { get } from "../../api/client";
import { nameOf } from "../../app/links";
import { Failure } from "../../ui/Failure";
import { useStory } from "../useStory";
import { Comparison } from "./Comparison";
import "./compare.css";

/** Two executions side by side: where they part, what each step took, and how the data differs. */
export default function ComparePage() {
  const [search, setSearch] = useSearchParams();
  const [left, right] = [search.get("left") ?? "", search.get("right") ?? ""];
  return (
    <div className="page">
      <h1>Compare executions</h1>
      <Picker
        key={`${left} ${right}`}
        left={left}
        right={right}
        pick={(one, other) => setSearch({ left: one, right: other })}
      />
      {left !== "" && right !== "" ? (
        <Both key={`${left} ${right}`} left={left} right={right} />
      ) : (
        <p className="empty">Choose two executions, by their ARNs or from the latest ones.</p>
      )}
    </div>
  );
}

function Picker({
  left,
  right,
  pick,
}: {
  left: string;
  right: string;
  pick: (left: string, right: string) => void;
}) {
  const list = useId();
  const machine = machineOf(left || right);
  const latest = useQuery({
    queryKey: ["compare", machine],
    queryFn: ({ signal }) => get("executions", { stateMachine: machine, limit: 50 }, signal),
  });
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    pick(String(fields.get("left")).trim(), String(fields.get("right")).trim());
  }
  return (
    <form className="compare-picker" onSubmit={submit}>
      <Arn name="left" label="Left execution" value={left} list={list} />
      <Arn name="right" label="Right execution" value={right} list={list} />
      <datalist id={list}>
        {latest.data?.executions.map((execution) => (
          <option key={execution.executionArn} value={execution.executionArn}>
            {execution.name}, {execution.status.toLowerCase()}
          </option>
        ))}
      </datalist>
      <div className="row">
        <button type="submit" className="button primary">
          Compare
        </button>
        <button type="button" className="button" onClick={() => pick(right, left)}>
          Swap
        </button>
      </div>
    </form>
  );
}

function Arn({ name, label, value, list }: { name: string; label: string; value: string; list: string }) {
  return (
    <label className="field">
      {label}
      <input
        name={name}
        defaultValue={value}
        list={list}
        placeholder="arn:aws:states:…"
        spellCheck={false}
        required
      />
    </label>
  );
}

/** The state machine of an execution, null where the text is no ARN of one that stands by itself. */
function machineOf(arn: string): string | null {
  const [, before, machine] = /^(.*):execution:([^:/]+):[^:]+$/.exec(arn) ?? [];
  return machine === undefined ? null : `${before}:stateMachine:${machine}`;
}

function Both({ left, right }: { left: string; right: string }) {
  const [one, other] = [useStory(left), useStory(right)];
  const failed = [one, other].filter(({ error }) => error !== null);
  return (
    <>
      {failed.map(({ error }, index) => (
        <Failure key={index === 0 ? "first" : "second"} error={error} />
      ))}
      {one.story !== null && other.story !== null ? (
        <Comparison left={one.story} right={other.story} />
      ) : (
        failed.length === 0 && (
          <p className="empty">
            Reading {nameOf(left)} and {nameOf(right)} …
          </p>
        )
      )}
    </>
  );
}
