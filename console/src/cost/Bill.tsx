import type { Cost, PriceList, UnitPrice } from "../api/types";
import { Scrolled } from "../ui/Scrolled";
import { Note } from "../ui/Status";
import { Bar } from "./Bar";
import { assumptions, dollars, priced, quantity, unitPrice, unverified, type Way, ways } from "./cost";
import "./cost.css";

/** A bill with what it rests on: the ways to run the work side by side, then each line with its price and its source. */
export function Bill({ cost, type, prices }: { cost: Cost; type: string; prices: PriceList }) {
  const parts: [string, Cost["states"]][] = [
    [type === "EXPRESS" ? "Step Functions, Express" : "Step Functions, Standard", cost.states],
    ["Lambda", cost.functions],
    ["Step Functions, if it were Express", cost.express ?? []],
  ];
  const used = parts.flatMap(([, lines]) => lines);
  return (
    <div className="stack">
      <Ways cost={cost} type={type} />
      <Unverified prices={unverified(used, prices)} />
      <Scrolled label="The bill line by line">
        <table className="plain bill">
          <thead>
            <tr>
              <th scope="col">What is billed</th>
              <th scope="col" className="number">
                Quantity
              </th>
              <th scope="col" className="number">
                Unit price
              </th>
              <th scope="col">Price read</th>
              <th scope="col" className="number">
                Cost
              </th>
            </tr>
          </thead>
          {parts.map(([title, lines]) => (
            <Part key={title} title={title} lines={priced(lines, prices)} />
          ))}
        </table>
      </Scrolled>
      <ul className="assumptions small quiet-text">
        <li>
          Prices of {prices.region} in Stepwell's price file of {prices.date}, on demand.
        </li>
        {assumptions(cost).map((said) => (
          <li key={said}>{said}</li>
        ))}
      </ul>
    </div>
  );
}

function Ways({ cost, type }: { cost: Cost; type: string }) {
  const shown = ways(cost, type);
  const most = Math.max(...shown.map((way) => way.dollars ?? 0));
  return (
    <ul className="ways">
      {shown.map((way) => (
        <li key={way.title} className="card">
          <h2>{way.title}</h2>
          {way.dollars === null ? (
            <p className="quiet-text">Not possible: it {cost.notExpress ?? "has not run"}.</p>
          ) : (
            <>
              <p className="sum">{dollars(way.dollars)}</p>
              <Bar states={way.states} functions={way.functions} most={most} />
              <p className="small quiet-text">{partsOf(way)}</p>
              {cost.executions > 0 && (
                <p className="small">
                  {dollars((way.dollars / cost.executions) * 1_000_000)} per million executions
                </p>
              )}
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

function partsOf(way: Way): string {
  return `Step Functions ${dollars(way.states)} · Lambda ${dollars(way.functions)}`;
}

/** A warning for each price that the figures rest on and that nobody has checked. */
export function Unverified({ prices }: { prices: UnitPrice[] }) {
  if (prices.length === 0) return null;
  return (
    <Note kind="caught">
      <strong>Unverified prices.</strong> Look them up before you decide by them:
      <ul>
        {prices.map((price) => (
          <li key={price.item}>
            {price.unit}: {unitPrice(price)} ({price.source}
            {price.dated === null ? ", without a date" : `, ${price.dated}`})
          </li>
        ))}
      </ul>
    </Note>
  );
}

function Part({ title, lines }: { title: string; lines: ReturnType<typeof priced> }) {
  if (lines.length === 0) return null;
  return (
    <tbody>
      <tr>
        <th colSpan={5} scope="rowgroup">
          {title}
        </th>
      </tr>
      {lines.map(({ line, price }) => (
        <tr key={line.item}>
          <td>{price.unit}</td>
          <td className="number">{quantity(line.quantity)}</td>
          <td className="number">{unitPrice(price)}</td>
          <td title={price.source}>
            {price.verified ? "verified" : "unverified"}
            {price.dated !== null && `, ${price.dated}`}
          </td>
          <td className="number">{dollars(line.dollars)}</td>
        </tr>
      ))}
    </tbody>
  );
}
