import { useMemo, useState } from "react";
import type { Step } from "../../api/types";
import { Status } from "../../ui/Status";
import { duration } from "../../ui/time";
import { NARROW, useMedia } from "../../ui/useMedia";
import { VirtualRows } from "../../ui/VirtualRows";
import type { Pair } from "./align";
import { delta, differences, lasted, nearDifferences } from "./differences";

/** Beyond so many steps, at first only what differs is listed. */
const MANY = 100;

const ROW_PIXELS = 44;
const PHONE_ROW_PIXELS = 108;

/** The steps of both executions, a row each; the chosen one's data is shown below. */
export function PairList({
  pairs,
  chosen,
  first,
  choose,
}: {
  pairs: Pair[];
  chosen: number;
  first: number;
  choose: (index: number) => void;
}) {
  const rowHeight = useMedia(NARROW) ? PHONE_ROW_PIXELS : ROW_PIXELS;
  const near = useMemo(() => nearDifferences(pairs), [pairs]);
  const [onlyNear, setOnlyNear] = useState(pairs.length > MANY);
  const shown = onlyNear && near.length > 0 ? near : null;
  const count = shown?.length ?? pairs.length;
  return (
    <section className="stack" aria-label="Steps">
      <div className="row">
        <h2>Steps</h2>
        {near.length > 0 && (
          <label className="compare-only small">
            <input
              type="checkbox"
              checked={onlyNear}
              onChange={(event) => setOnlyNear(event.target.checked)}
            />
            Only what differs
          </label>
        )}
        <span className="quiet-text small">
          {count.toLocaleString()} of {pairs.length.toLocaleString()}
        </span>
      </div>
      <div className="card compare-list">
        <div className="compare-row compare-titles" aria-hidden="true">
          <span>State</span>
          <span>Left</span>
          <span>Right</span>
          <span>Right took</span>
        </div>
        <VirtualRows
          count={count}
          rowHeight={rowHeight}
          height={`min(26rem, ${count * rowHeight}px)`}
          label="Steps side by side"
          row={(row) => {
            const index = shown?.[row] ?? row;
            const pair = pairs[index];
            return (
              pair && (
                <Row
                  pair={pair}
                  first={index === first}
                  chosen={index === chosen}
                  choose={() => choose(index)}
                />
              )
            );
          }}
        />
      </div>
    </section>
  );
}

function Row({
  pair,
  first,
  chosen,
  choose,
}: {
  pair: Pair;
  first: boolean;
  chosen: boolean;
  choose: () => void;
}) {
  const differing = differences(pair);
  const more = delta(pair);
  return (
    <button
      type="button"
      className={differing.length > 0 ? "compare-row compare-differs" : "compare-row"}
      aria-pressed={chosen}
      onClick={choose}
    >
      <span className="compare-state" style={{ paddingInlineStart: `${Math.min(pair.depth, 6)}rem` }}>
        <span className="compare-name">{(pair.left ?? pair.right)?.name}</span>
        {first && <span className="status tone-caught">They part here</span>}
      </span>
      <Side step={pair.left} name="Left" />
      <Side step={pair.right} name="Right" />
      <span className="compare-delta">{more === null ? "" : longer(more)}</span>
    </button>
  );
}

function Side({ step, name }: { step: Step | null; name: string }) {
  const took = lasted(step);
  const retries = step?.retries.length ?? 0;
  return (
    <span className="compare-side">
      <span className="compare-side-name">{name}</span>
      {step === null ? (
        <span className="quiet-text small">Not visited</span>
      ) : (
        <>
          <Status status={step.status} />
          <span className="small">
            {took !== null && duration(took)}
            {retries > 0 && ` · ${retries} ${retries === 1 ? "retry" : "retries"}`}
          </span>
        </>
      )}
    </span>
  );
}

function longer(seconds: number): string {
  const text = duration(Math.abs(seconds));
  return Math.abs(seconds) < 0.001 ? "as long" : seconds > 0 ? `${text} longer` : `${text} shorter`;
}
