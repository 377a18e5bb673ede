import { Scrolled } from "../ui/Scrolled";
import { titleOf } from "./cells";
import type { Report } from "./report";

const PERCENTILES = ["p50", "p99", "max"];

/** The open loop, where the run had one: response times as multiples of the least, as they are of one machine. */
export function Paces({ report, workload }: { report: Report; workload: string }) {
  const paces = report.paces.filter((each) => each.workload === workload);
  const least = Math.min(
    ...paces.map((each) => each.response_milliseconds.get("p50") ?? Number.POSITIVE_INFINITY),
  );
  if (paces.length === 0) return null;
  return (
    <Scrolled label="Response times of the open loop">
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">Open loop, the least is 1</th>
            <th scope="col" className="number">
              Rate
            </th>
            {PERCENTILES.map((name) => (
              <th key={name} scope="col" className="number">
                {name}
              </th>
            ))}
            <th scope="col" className="number">
              Dropped
            </th>
          </tr>
        </thead>
        <tbody>
          {paces.map((pace) => (
            <tr key={`${pace.strategy} ${pace.rate}`}>
              <th scope="row">{titleOf(report, "strategies", pace.strategy)}</th>
              <td className="number">{pace.rate}/s</td>
              {PERCENTILES.map((name) => (
                <td key={name} className="number">
                  {multiple(pace.invalid, pace.response_milliseconds.get(name), least)}
                </td>
              ))}
              <td className="number">
                {pace.dropped} of {pace.planned}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}

function multiple(invalid: string | null, value: number | undefined, least: number): string {
  if (invalid !== null) return `INVALID (${invalid})`;
  return value === undefined || !(least > 0) ? "–" : (value / least).toFixed(1);
}
