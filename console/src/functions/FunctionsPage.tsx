import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { get } from "../api/client";
import type { FunctionItem } from "../api/types";
import { to } from "../app/links";
import { Failure } from "../ui/Failure";
import { Scrolled } from "../ui/Scrolled";
import { milliseconds } from "./invocations";
import "./functions.css";

const AGAIN_MS = 10_000;

const FIGURES = ["Invocations", "Errors", "Cold starts", "Mean", "p50", "p95", "Longest", "Memory used"];

/** Every function, with what its log tells of the last day. */
export default function FunctionsPage() {
  const functions = useQuery({
    queryKey: ["functions"],
    queryFn: ({ signal }) => get("functions", { hours: 24 }, signal),
    refetchInterval: AGAIN_MS,
    placeholderData: keepPreviousData,
  });
  const items = functions.data?.functions ?? [];
  return (
    <div className="page">
      <header className="row">
        <h1>Functions</h1>
        <span className="quiet-text">The last 24 hours</span>
      </header>
      {functions.error !== null && <Failure error={functions.error} />}
      {functions.data && items.length === 0 && (
        <p className="empty">
          No function yet. <code>stepwell deploy examples/orders</code> deploys some.
        </p>
      )}
      {items.length > 0 && (
        <Scrolled label="Functions">
          <table className="plain functions">
            <thead>
              <tr>
                <th scope="col">Function</th>
                <th scope="col">Runtime</th>
                {FIGURES.map((figure) => (
                  <th key={figure} scope="col" className="number">
                    {figure}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {items.map((item) => (
                <Row key={item.name} item={item} />
              ))}
            </tbody>
          </table>
        </Scrolled>
      )}
      {items.some((item) => item.cut) && (
        <p className="small quiet-text">
          ≥: there were more invocations than were read. The figures are of the latest ones.
        </p>
      )}
    </div>
  );
}

function Row({ item }: { item: FunctionItem }) {
  return (
    <tr>
      <th scope="row">
        <Link to={to.function(item.name)}>{item.name}</Link>
      </th>
      <td>{item.runtime}</td>
      <td className="number">
        {item.cut && "≥ "}
        {item.invocations.toLocaleString("en-US")}
      </td>
      <td className="number">
        {item.errors === 0 ? (
          "0"
        ) : (
          <span className="failed-count">✕ {item.errors.toLocaleString("en-US")}</span>
        )}
      </td>
      <td className="number">{item.coldStarts.toLocaleString("en-US")}</td>
      {[item.meanMs, item.p50Ms, item.p95Ms, item.maxMs].map((value, place) => (
        <td key={FIGURES[place + 3]} className="number">
          {milliseconds(value)}
        </td>
      ))}
      <td className="number">
        {item.maxMemoryMb ?? "–"} of {item.memoryMb} MB
      </td>
    </tr>
  );
}
