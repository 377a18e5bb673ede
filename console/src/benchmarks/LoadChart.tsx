import { useMemo } from "react";
import type uPlot from "uplot";
import { Chart } from "../ui/Chart";
import { decades } from "../ui/ticks";
import type { Draw } from "../ui/uplot";
import { titleOf } from "./cells";
import type { Lines } from "./lines";
import type { Report } from "./report";

const TOKENS = ["accent", "failed", "running", "caught", "aborted"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];

const PLAIN = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });

/** Figures of strategies by load, both on logarithmic axes; nothing where nothing was measured. */
export function LoadChart({ report, title, xs, lines }: Lines & { report: Report; title: string }) {
  const key = JSON.stringify([xs, lines]);
  // The figures are made anew with each rendering; the chart only when they differ.
  const [data, make] = useMemo((): [uPlot.AlignedData, Draw] => {
    const found = JSON.parse(key) as [number[], Lines["lines"]];
    return [[found[0], ...found[1].map((line) => line.ys)], drawing(found[1].length)];
  }, [key]);
  if (lines.length === 0) return null;
  return (
    <figure className="card load">
      <figcaption className="stack small">
        <strong>{title}</strong>
        <ul className="row legend">
          {lines.map(({ strategy }, place) => (
            <li key={strategy}>
              <Swatch place={place} /> {titleOf(report, "strategies", strategy)}
            </li>
          ))}
        </ul>
      </figcaption>
      <Chart label={`${title}, a line for each strategy`} make={make} data={data} />
    </figure>
  );
}

/** More strategies than colours: lines of one colour differ in their dashes. */
function styleAt(place: number): { token: string; dash: number[] } {
  return {
    token: TOKENS[place % TOKENS.length] ?? "text",
    dash: DASHES[Math.floor(place / TOKENS.length) % DASHES.length] ?? [],
  };
}

function Swatch({ place }: { place: number }) {
  const { token, dash } = styleAt(place);
  return (
    <svg width="24" height="8" aria-hidden="true">
      <line
        x1="0"
        x2="24"
        y1="4"
        y2="4"
        stroke={`var(--${token})`}
        strokeWidth="3"
        strokeDasharray={dash.join(" ")}
      />
    </svg>
  );
}

function drawing(lines: number): Draw {
  const values = (_: uPlot, splits: (number | null)[]) =>
    splits.map((value) => (value === null ? null : PLAIN.format(value)));
  return ({ colour, axis }) => {
    const grid = { stroke: colour("line"), width: 1, filter: decades };
    const logarithmic = { values, grid, ticks: { show: false } };
    return {
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, distr: 3 }, y: { distr: 3 } },
      axes: [axis({ ...logarithmic, size: 32 }), axis({ ...logarithmic, size: 64 })],
      series: [
        {},
        ...Array.from({ length: lines }, (_, place) => {
          const { token, dash } = styleAt(place);
          return { stroke: colour(token), width: 2, dash, points: { show: false }, spanGaps: true };
        }),
      ],
    };
  };
}
