import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { get } from "../api/client";
import type { Machines } from "../api/types";
import { useRefreshOnNews } from "../api/useRefreshOnNews";
import { find } from "../executions/filters";
import { Failure } from "../ui/Failure";
import { MachineRow } from "./MachineRow";
import { arranged, ORDERS, type Order, outcome, percent, recent, share, started, together } from "./overview";
import "./overview.css";

const HOURS = 24;

/** What another process does is not in the news. */
const AGAIN_MS = 10_000;

/** Every state machine with what became of its executions. */
export function MachinesPage() {
  const machines = useQuery({
    queryKey: ["machines"],
    queryFn: ({ signal }) => get("machines", { hours: HOURS }, signal),
    refetchInterval: AGAIN_MS,
    placeholderData: keepPreviousData,
  });
  useRefreshOnNews(["machines"]);
  const found = machines.data;
  return (
    <div className="page">
      <h1>State machines</h1>
      {machines.error !== null && <Failure error={machines.error} />}
      {found?.machines.length === 0 && <NoMachines />}
      {found !== undefined && found.machines.length > 0 && (
        <>
          <Summary found={found} />
          <List found={found} />
        </>
      )}
    </div>
  );
}

function NoMachines() {
  return (
    <div className="card stack">
      <h2>No state machine yet</h2>
      <p>
        Begin a project of your own, or deploy a SAM template or an <code>.asl.json</code> file that you have:
      </p>
      <pre className="commands">
        {`stepwell init hello\nstepwell deploy hello --endpoint-url ${window.location.origin}`}
      </pre>
      <p className="quiet-text">It shows here as soon as it is there.</p>
    </div>
  );
}

function Summary({ found }: { found: Machines }) {
  const all = together(found.machines.map(outcome));
  const lately = together(found.machines.map((machine) => recent(machine.buckets)));
  return (
    <ul className="tiles" aria-label="All state machines together">
      <Tile name="Running now" value={all.running} link={find({ statuses: ["RUNNING"] })} />
      <Tile name="Started in 24 hours" value={started(lately)} link={find({ from: "24h" })} />
      <Tile
        name="Of these without success"
        value={lately.unsuccessful}
        link={find({ from: "24h", statuses: ["FAILED", "TIMED_OUT", "ABORTED"] })}
      />
      <Tile name="Success share in 24 hours" value={percent(share(lately))} />
    </ul>
  );
}

function Tile({ name, value, link }: { name: string; value: number | string; link?: string }) {
  const shown = <span className="tile-value">{value.toLocaleString()}</span>;
  return (
    <li className="card tile">
      <span className="small quiet-text">{name}</span>
      {link === undefined ? (
        shown
      ) : (
        <Link to={link} aria-label={`${name}: ${value.toLocaleString()}`}>
          {shown}
        </Link>
      )}
    </li>
  );
}

function List({ found }: { found: Machines }) {
  const [text, setText] = useState("");
  const [order, setOrder] = useState<Order>("name");
  const shown = arranged(found.machines, text, order);
  return (
    <>
      <search className="row" aria-label="State machines">
        <label className="field">
          Name
          <input type="search" data-search value={text} onChange={(event) => setText(event.target.value)} />
        </label>
        <label className="field">
          Order
          <select value={order} onChange={(event) => setOrder(event.target.value as Order)}>
            {Object.entries(ORDERS).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <span className="spread quiet-text small" role="status">
          {shown.length.toLocaleString()} of {found.machines.length.toLocaleString()}
        </span>
      </search>
      {shown.length === 0 && <p className="empty">No state machine has “{text}” in its name.</p>}
      <ul className="machines">
        {shown.map((machine) => (
          <MachineRow key={machine.stateMachineArn} machine={machine} found={found} />
        ))}
      </ul>
    </>
  );
}
