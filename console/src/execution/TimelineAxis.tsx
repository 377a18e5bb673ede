import type { RefObject } from "react";
import { place, type Span, tickLabel, ticks } from "./timeline";

/** The time above the rows; `track` is measured, and `most` is how many ticks have room in it. */
export function Axis({
  span,
  startedAt,
  most,
  track,
  cursor,
}: {
  span: Span;
  startedAt: number;
  most: number;
  track: RefObject<HTMLDivElement | null>;
  cursor: number | null;
}) {
  return (
    <div className="timeline-axis" aria-hidden="true">
      <span className="timeline-label quiet-text">State</span>
      <div className="timeline-track" ref={track}>
        {ticks(span, startedAt, most).map((tick) => {
          const at = place({ from: startedAt + tick, to: startedAt + tick }, span);
          return (
            at !== null && (
              <span key={tick} className="tick" style={{ left: `${at.left}%` }}>
                {at.left < 100 - 60 / most && tickLabel(tick)}
              </span>
            )
          );
        })}
        <Cursor at={cursor} span={span} />
      </div>
    </div>
  );
}

/** Where the moment that is looked at stands. */
export function Cursor({ at, span }: { at: number | null; span: Span }) {
  const found = at === null ? null : place({ from: at, to: at }, span);
  return found && <span className="timeline-cursor" style={{ left: `${found.left}%` }} />;
}
