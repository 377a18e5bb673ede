import { useCallback, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { nameOf, to } from "../app/links";
import MachineCost from "../cost/MachineCost";
import { Copy } from "../ui/Copy";
import { Failure } from "../ui/Failure";
import { Status } from "../ui/Status";
import { Tabs } from "../ui/Tabs";
import { Time } from "../ui/Time";
import { DefinitionView } from "./DefinitionView";
import { LatestExecutions } from "./LatestExecutions";
import { useCounts, useMachine } from "./queries";
import { Revisions } from "./Revisions";
import StartDialog from "./StartDialog";
import { Aliases, Versions } from "./Versions";
import "./machine.css";

type Described = NonNullable<ReturnType<typeof useMachine>["data"]>;

/** One state machine: what it does, what became of its executions, and how it came to be so. */
export default function MachinePage() {
  const arn = useParams().arn ?? "";
  const { data: machine, error } = useMachine(arn);
  const [starting, setStarting] = useState<string | null>(null);
  return (
    <div className="page">
      {error !== null && <Failure error={error} />}
      {machine !== undefined && (
        <>
          <Head arn={arn} machine={machine} start={setStarting} />
          <Views arn={arn} machine={machine} start={setStarting} />
        </>
      )}
      {starting !== null && (
        <StartDialog machine={starting} name={targetName(arn, starting)} close={() => setStarting(null)} />
      )}
    </div>
  );
}

/** A machine's name, with the version or the alias of it that is meant. */
function targetName(arn: string, target: string): string {
  return target === arn ? nameOf(arn) : `${nameOf(arn)}:${nameOf(target)}`;
}

interface Shown {
  arn: string;
  machine: Described;
  start: (target: string) => void;
}

function Head({ arn, machine, start }: Shown) {
  const { data: counts = {} } = useCounts(arn);
  return (
    <header className="stack">
      <div className="row">
        <h1>{machine.name}</h1>
        <span className="quiet-text">{machine.type === "EXPRESS" ? "Express" : "Standard"}</span>
        {Object.entries(counts).map(([status, count]) => (
          <Link key={status} className="count" to={`${to.executions(arn)}&status=${status}`}>
            <Status status={status} /> {count.toLocaleString()}
          </Link>
        ))}
        <button
          type="button"
          className="button primary spread"
          disabled={machine.status === "DELETING"}
          onClick={() => start(arn)}
        >
          Start execution
        </button>
      </div>
      <dl className="machine-facts small">
        <Fact name="Created">
          {machine.creationDate && <Time at={machine.creationDate.getTime() / 1000} />}
        </Fact>
        <Fact name="ARN">
          <span className="mono">{arn}</span> <Copy text={arn} label="Copy ARN" />
        </Fact>
        <Fact name="Role">
          <span className="mono">{machine.roleArn}</span>
        </Fact>
        <Fact name="Logging">{machine.loggingConfiguration?.level ?? "OFF"}</Fact>
        <Fact name="Tracing">{machine.tracingConfiguration?.enabled ? "On" : "Off"}</Fact>
      </dl>
    </header>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What is looked at, and which state is selected, stand in the address. */
function Views({ arn, machine, start }: Shown) {
  const [search, setSearch] = useSearchParams();
  const put = useCallback(
    (name: string, value: string | null) =>
      setSearch(
        (before) => {
          const after = new URLSearchParams(before);
          if (value === null) after.delete(name);
          else after.set(name, value);
          return after;
        },
        { replace: true },
      ),
    [setSearch],
  );
  const select = useCallback((state: string | null) => put("state", state), [put]);
  const selected = search.get("state");
  const definition = machine.definition ?? "";
  const express = machine.type === "EXPRESS";
  return (
    <Tabs
      label="Views of the state machine"
      chosen={search.get("tab") ?? "definition"}
      choose={(tab) => put("tab", tab)}
      tabs={[
        {
          id: "definition",
          label: "Graph and definition",
          content: () => <DefinitionView definition={definition} selected={selected} select={select} />,
        },
        {
          id: "executions",
          label: "Executions",
          content: () => <LatestExecutions arn={arn} express={express} />,
        },
        { id: "cost", label: "Cost", content: () => <MachineCost arn={arn} /> },
        { id: "revisions", label: "Revisions", content: () => <Revisions arn={arn} /> },
        { id: "versions", label: "Versions", content: () => <Versions arn={arn} start={start} /> },
        { id: "aliases", label: "Aliases", content: () => <Aliases arn={arn} start={start} /> },
      ]}
    />
  );
}
