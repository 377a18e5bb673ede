import type { StartSyncExecutionCommandOutput } from "@aws-sdk/client-sfn";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { stepFunctions } from "../api/aws";
import { get } from "../api/client";
import { to } from "../app/links";
import { Dialog } from "../ui/Dialog";
import { Failure } from "../ui/Failure";
import { Json, JsonEditor } from "../ui/Json";
import { pretty } from "../ui/json";
import { Note, Status } from "../ui/Status";
import { useMachine } from "./queries";
import { distinct, inputProblem, nameProblem } from "./start";

const LATEST = 8;

/** What a start has led to, where the page stays: only Express executions have no page to go to. */
type Outcome =
  | { kind: "refused"; error: unknown }
  | { kind: "result"; reply: StartSyncExecutionCommandOutput }
  | { kind: "started"; arn: string };

/** Starts an execution of `machine`, the ARN of a machine, a version or an alias, and goes to it. */
export default function StartDialog({
  machine,
  name,
  input,
  close,
}: {
  machine: string;
  name: string;
  input?: string;
  close: () => void;
}) {
  const { data: described } = useMachine(machine);
  const { data: endpoint } = useQuery({
    queryKey: ["endpoint"],
    queryFn: ({ signal }) => get("endpoint", {}, signal),
  });
  const express = described?.type === "EXPRESS";
  const inputs = useLatestInputs(machine);
  const [first, setFirst] = useState({ text: input === undefined ? "{}" : pretty(input), key: 0 });
  const [text, setText] = useState(first.text);
  const [called, setCalled] = useState("");
  const { start, busy, outcome } = useStart(machine, close);
  const problem = inputProblem(text, endpoint?.limits ?? "aws");
  const misnamed = nameProblem(called);
  function pick(picked: string) {
    setFirst({ text: picked, key: first.key + 1 });
    setText(picked);
  }
  return (
    <Dialog title={`Start an execution of ${name}`} close={close}>
      {inputs.length > 0 && <LatestInputs inputs={inputs} chosen={text} pick={pick} />}
      <div className="field">
        Input
        <JsonEditor key={first.key} text={first.text} label="Input" edit={setText} />
      </div>
      {problem !== null && <Note kind="caught">{problem}</Note>}
      <label className="field">
        Name, made by the server where it is empty
        <input
          value={called}
          onChange={(event) => setCalled(event.target.value)}
          aria-invalid={misnamed !== null}
          autoComplete="off"
          spellCheck={false}
        />
      </label>
      {misnamed !== null && <Note kind="caught">{misnamed}</Note>}
      {outcome !== null && <Shown outcome={outcome} />}
      <div className="row">
        <button
          type="button"
          className="button primary"
          disabled={busy || problem !== null || misnamed !== null || described === undefined}
          onClick={() => void start(text, called, express ? "sync" : "standard")}
        >
          {busy ? "Starting …" : express ? "Start and wait for the result" : "Start execution"}
        </button>
        {express && (
          <button
            type="button"
            className="button"
            disabled={busy || problem !== null || misnamed !== null}
            onClick={() => void start(text, called, "express")}
          >
            Start without waiting
          </button>
        )}
      </div>
    </Dialog>
  );
}

function LatestInputs({
  inputs,
  chosen,
  pick,
}: {
  inputs: string[];
  chosen: string;
  pick: (input: string) => void;
}) {
  return (
    <label className="field">
      Latest inputs
      <select
        value={inputs.indexOf(chosen)}
        onChange={(event) => pick(inputs[Number(event.target.value)] ?? "{}")}
      >
        <option value={-1} disabled>
          Take one of the latest
        </option>
        {inputs.map((input, index) => (
          <option key={input} value={index}>
            {preview(input)}
          </option>
        ))}
      </select>
    </label>
  );
}

function preview(input: string): string {
  const line = input.slice(0, 400).replace(/\s+/g, " ");
  return line.length > 90 ? `${line.slice(0, 90)}…` : line;
}

function Shown({ outcome }: { outcome: Outcome }) {
  if (outcome.kind === "refused") return <Failure error={outcome.error} />;
  if (outcome.kind === "started") {
    return (
      <Note kind="succeeded">
        <strong>Started</strong> {outcome.arn}. Express executions are not kept: the machine's logs tell what
        became of it.
      </Note>
    );
  }
  const { status = "", output, error, cause, billingDetails } = outcome.reply;
  return (
    <div className="stack" role="status">
      <div className="row">
        <Status status={status} /> Billed {billingDetails?.billedDurationInMilliseconds ?? 0} ms with{" "}
        {billingDetails?.billedMemoryUsedInMB ?? 0} MB
      </div>
      {error !== undefined && (
        <Note kind="failed">
          <strong>{error}</strong> {cause}
        </Note>
      )}
      {output !== undefined && (
        <div className="field">
          Output
          <Json text={pretty(output)} label="Output" />
        </div>
      )}
    </div>
  );
}

function useStart(machine: string, close: () => void) {
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  async function start(input: string, name: string, kind: "standard" | "express" | "sync") {
    setBusy(true);
    setOutcome(null);
    try {
      const { sdk, client } = await stepFunctions();
      const asked = { stateMachineArn: machine, input, name: name === "" ? undefined : name };
      if (kind === "sync") {
        setOutcome({ kind: "result", reply: await client.send(new sdk.StartSyncExecutionCommand(asked)) });
        return;
      }
      const { executionArn = "" } = await client.send(new sdk.StartExecutionCommand(asked));
      if (kind === "express") {
        setOutcome({ kind: "started", arn: executionArn });
      } else {
        close();
        navigate(to.execution(executionArn));
      }
    } catch (error) {
      setOutcome({ kind: "refused", error });
    } finally {
      setBusy(false);
    }
  }
  return { start, busy, outcome };
}

/** The distinct inputs of the machine's latest executions. Where they cannot be read there are none to pick from. */
function useLatestInputs(machine: string): string[] {
  const { data } = useQuery({
    queryKey: ["machine", machine, "inputs"],
    queryFn: async ({ signal }) => {
      const unqualified = machine.split(":").slice(0, 7).join(":");
      const page = await get("executions", { stateMachine: unqualified, limit: LATEST }, signal);
      const { sdk, client } = await stepFunctions();
      const described = page.executions.map(({ executionArn }) =>
        client.send(new sdk.DescribeExecutionCommand({ executionArn }), { abortSignal: signal }),
      );
      return distinct((await Promise.all(described)).map(({ input }) => input));
    },
    retry: false,
  });
  return data ?? [];
}
