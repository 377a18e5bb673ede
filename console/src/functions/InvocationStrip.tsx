import { useMemo } from "react";
import type uPlot from "uplot";
import type { InvocationItem } from "../api/types";
import { Chart } from "../ui/Chart";
import { decades } from "../ui/ticks";
import type { Draw } from "../ui/uplot";
import { milliseconds, type Strip, strip, timeTicks } from "./invocations";

const KINDS = [
  { label: "Warm", mark: "●", token: "succeeded" },
  { label: "Cold start", mark: "○", token: "running" },
  { label: "Failed", mark: "✕", token: "failed" },
] as const;

/** The durations of invocations over time, a mark each; a cold start that failed has both of its marks. */
export function InvocationStrip({ invocations }: { invocations: InvocationItem[] }) {
  const data = useMemo(() => strip(invocations), [invocations]);
  const make = useMemo(() => drawing(data), [data]);
  return (
    <figure className="card strip">
      <figcaption className="row small">
        <strong>Durations, {invocations.length.toLocaleString("en-US")} latest</strong>
        {KINDS.map((kind, place) => (
          <span key={kind.label}>
            <span aria-hidden="true" style={{ color: `var(--${kind.token})` }}>
              {kind.mark}
            </span>{" "}
            {kind.label} {data[(place + 1) as 1 | 2 | 3].filter((value) => value !== null).length}
          </span>
        ))}
      </figcaption>
      <Chart
        label="Durations of invocations over time; the table has each"
        make={make}
        data={data}
        height={180}
      />
    </figure>
  );
}

function drawing(data: Strip): Draw {
  const longest = Math.max(1, ...data.slice(1).flatMap((row) => row.map((value) => value ?? 0)));
  return ({ colour, axis }) => ({
    legend: { show: false },
    cursor: { show: false },
    // A millisecond beside ten seconds: both are to be seen.
    scales: { x: { time: true, range: padded }, y: { distr: 3, range: [0.5, longest * 1.6] } },
    axes: [
      axis({ size: 32, values: (_, splits) => timeTicks(splits) }),
      axis({
        size: 64,
        values: (_, splits) => splits.map((value) => (value === null ? null : milliseconds(value))),
        grid: { stroke: colour("line"), width: 1, filter: decades },
        ticks: { show: false },
      }),
    ],
    series: [{}, ...KINDS.map((kind) => points(colour(kind.token), kind.mark))],
  });
}

/** Room at both ends, so that no mark is on the rim. */
function padded(_: uPlot, first: number, last: number): [number, number] {
  const room = Math.max(0.5, (last - first) * 0.02);
  return [first - room, last + room];
}

function points(stroke: string, mark: (typeof KINDS)[number]["mark"]): uPlot.Series {
  const fill = mark === "○" ? "transparent" : stroke;
  const show = mark === "✕" ? (chart: uPlot, series: number) => crosses(chart, series, stroke) : true;
  return { stroke, paths: () => null, points: { show, size: mark === "○" ? 9 : 6, stroke, fill, width: 2 } };
}

/** A shape of its own for what failed, so that nobody has to tell red from green. */
function crosses(chart: uPlot, series: number, stroke: string): boolean {
  const { ctx } = chart;
  const half = 4 * devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.beginPath();
  chart.data[series]?.forEach((value, index) => {
    if (value === null || value === undefined) return;
    const x = chart.valToPos(chart.data[0][index] ?? 0, "x", true);
    const y = chart.valToPos(value, "y", true);
    ctx.moveTo(x - half, y - half);
    ctx.lineTo(x + half, y + half);
    ctx.moveTo(x - half, y + half);
    ctx.lineTo(x + half, y - half);
  });
  ctx.stroke();
  ctx.restore();
  return false;
}
