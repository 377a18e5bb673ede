import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import type { Data, Step, StepDetail } from "../../api/types";
import { Failure } from "../../ui/Failure";
import { Payload } from "../../ui/Json";
import { Cause } from "../Cause";
import type { Story } from "../story";
import type { Pair } from "./align";

/** The data of one pair of steps, the right one's with what differs from the left one's. */
export function PairData({ left, right, pair }: { left: Story; right: Story; pair: Pair }) {
  const one = useDetail(left, pair.left);
  const other = useDetail(right, pair.right);
  const name = (pair.left ?? pair.right)?.name ?? "";
  const loading = one.isLoading || other.isLoading;
  return (
    <section className="stack" aria-label={`Data of ${name}`}>
      <h2>{name}</h2>
      {one.error !== null && <Failure error={one.error} />}
      {other.error !== null && <Failure error={other.error} />}
      {pair.left !== null && pair.right !== null && (
        <p className="compare-note quiet-text small">
          Lines of the left execution alone are red, those of the right alone green.
        </p>
      )}
      {!loading && <Differing one={one.data} other={other.data} />}
      <Errors pair={pair} />
    </section>
  );
}

function useDetail({ page }: Story, step: Step | null) {
  const arn = page.execution.executionArn;
  return useQuery({
    queryKey: ["step", arn, step?.id, step?.revised],
    queryFn: ({ signal }) => get("execution/step", { arn, id: step?.id }, signal),
    enabled: step !== null,
  });
}

const PARTS: [string, (detail: StepDetail) => Data | null][] = [
  ["Input", (detail) => detail.input],
  ["Output", (detail) => detail.output],
  ["Variables before", (detail) => detail.variablesBefore],
  ["Variables after", (detail) => detail.variablesAfter],
];

function Differing({ one, other }: { one?: StepDetail; other?: StepDetail }) {
  return (
    <div className="compare-data">
      {PARTS.map(([name, of]) => {
        const [left, right] = [one && of(one), other && of(other)];
        const shown = right ?? left;
        return (
          shown && (
            <div key={name} className="stack">
              <h3>
                {name} <span className="quiet-text small">{verdict(left, right)}</span>
              </h3>
              <Payload data={shown} before={right && left ? left : undefined} label={name} />
            </div>
          )
        );
      })}
    </div>
  );
}

function verdict(left: Data | null | undefined, right: Data | null | undefined): string {
  if (!left) return "right alone";
  if (!right) return "left alone";
  if (left.text === null || right.text === null) return "";
  return left.text === right.text ? "the same" : "differs";
}

function Errors({ pair }: { pair: Pair }) {
  const sides: [string, Step | null][] = [
    ["Left", pair.left],
    ["Right", pair.right],
  ];
  const failed = sides.filter(([, step]) => step !== null && step.error !== "");
  if (failed.length === 0) return null;
  return (
    <dl className="facts">
      {failed.map(([side, step]) => (
        <div key={side} className="compare-error">
          <dt>{side} error</dt>
          <dd>
            <Cause error={step?.error ?? ""} cause={step?.cause ?? ""} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
