import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { get } from "../api/client";
import type { MachineCost, MachineCosts } from "../api/types";
import { to } from "../app/links";
import { Failure } from "../ui/Failure";
import { Scrolled } from "../ui/Scrolled";
import { Bar } from "./Bar";
import { Unverified } from "./Bill";
import { count, dollars, machineTotal, total, unverified } from "./cost";
import "./cost.css";

/** What the last day would have cost on AWS, by state machine. */
export default function CostPage() {
  const day = useQuery({
    queryKey: ["cost/day"],
    queryFn: ({ signal }) => get("cost/day", {}, signal),
    placeholderData: keepPreviousData,
  });
  return (
    <div className="page">
      <header className="row">
        <h1>Cost</h1>
        <span className="quiet-text">What the last 24 hours would have cost on AWS</span>
      </header>
      {day.error !== null && <Failure error={day.error} />}
      {day.data && <Day costs={day.data} />}
    </div>
  );
}

function Day({ costs }: { costs: MachineCosts }) {
  const { machines, prices } = costs;
  const most = Math.max(0, ...machines.map(machineTotal));
  const lines = machines.flatMap(({ cost }) => [...cost.states, ...cost.functions, ...(cost.express ?? [])]);
  const estimated = machines.reduce((sum, { cost }) => sum + cost.estimated, 0);
  if (machines.length === 0) return <p className="empty">No state machine yet.</p>;
  return (
    <>
      <p className="sum">{dollars(machines.reduce((sum, machine) => sum + machineTotal(machine), 0))}</p>
      <Unverified prices={unverified(lines, prices)} />
      <Scrolled label="Cost by state machine">
        <table className="plain costs">
          <thead>
            <tr>
              <th scope="col">State machine</th>
              <th scope="col" className="number">
                Executions
              </th>
              <th scope="col" className="number">
                Step Functions
              </th>
              <th scope="col" className="number">
                Lambda
              </th>
              <th scope="col" className="number">
                Together
              </th>
              <th scope="col">Share</th>
              <th scope="col" className="number">
                Per million
              </th>
              <th scope="col">As Express, per million</th>
            </tr>
          </thead>
          <tbody>
            {machines.map((machine) => (
              <Row key={machine.stateMachineArn} machine={machine} most={most} />
            ))}
          </tbody>
        </table>
      </Scrolled>
      <ul className="assumptions small quiet-text">
        <li>
          Prices of {prices.region} in Stepwell's price file of {prices.date}, on demand. Free tiers and
          volume discounts are ignored.
        </li>
        {estimated > 0 && (
          <li>
            {count(estimated, "invocation")} without a REPORT line that was read: estimated from their
            attempts.
          </li>
        )}
        <li>In the bars: Step Functions first, then Lambda.</li>
      </ul>
    </>
  );
}

function Row({ machine, most }: { machine: MachineCost; most: number }) {
  const { cost } = machine;
  const name = <Link to={to.machine(machine.stateMachineArn)}>{machine.name}</Link>;
  if (cost.sampled === 0) {
    return (
      <tr>
        <th scope="row">{name}</th>
        <td colSpan={7} className="quiet-text">
          {machine.type === "EXPRESS" ? "Express executions are not kept" : "No execution was started"}
        </td>
      </tr>
    );
  }
  const [states, functions] = [total(cost.states), total(cost.functions)];
  const perMillion = (amount: number) => dollars((amount / cost.executions) * 1_000_000);
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className="number">
        {cost.executions.toLocaleString("en-US")}
        {cost.sampled < cost.executions && (
          <span className="small quiet-text sampled">from {cost.sampled} of them</span>
        )}
      </td>
      <td className="number">{dollars(states)}</td>
      <td className="number">{dollars(functions)}</td>
      <td className="number">{dollars(states + functions)}</td>
      <td className="share">
        <Bar states={states} functions={functions} most={most} />
      </td>
      <td className="number">{perMillion(states + functions)}</td>
      <td>
        {cost.express === null ? (
          <span className="quiet-text">no: {cost.notExpress}</span>
        ) : (
          perMillion(total(cost.express) + functions)
        )}
      </td>
    </tr>
  );
}
