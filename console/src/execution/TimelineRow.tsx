import type { Step } from "../api/types";
import { Mark, tone, word } from "../ui/Status";
import { duration } from "../ui/time";
import { place, type Row, type Span, segments } from "./timeline";

/** One step of the timeline: its name and what it did when. */
export function TimelineRow({
  id,
  row,
  parent,
  now,
  span,
  startedAt,
  top,
  later,
  selected,
  active,
  select,
  toggle,
}: {
  id: string;
  row: Row;
  parent: Step | undefined;
  now: number;
  span: Span;
  startedAt: number;
  top: number;
  later: boolean;
  selected: boolean;
  active: boolean;
  select: () => void;
  toggle: () => void;
}) {
  const { step, depth, inside, open } = row;
  const lasted = duration((step.endedAt || now) - step.enteredAt);
  const iteration = parent?.type === "Map" ? `#${step.index}` : "";
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree has the keys of all its rows
    // biome-ignore lint/a11y/useFocusableInteractive: the tree has the focus and points to the active row
    <div
      id={id}
      role="treeitem"
      aria-level={depth + 1}
      aria-expanded={inside > 0 ? open : undefined}
      aria-selected={selected}
      className="timeline-row"
      data-selected={selected}
      data-active={active}
      data-later={later}
      style={{ transform: `translateY(${top}px)` }}
      onClick={select}
    >
      <span className="timeline-label" style={{ paddingInlineStart: `${0.4 + Math.min(depth, 6) * 0.9}rem` }}>
        <Toggle inside={inside} open={open} toggle={toggle} />
        <Mark status={step.status} />
        <bdi className="name" title={step.name}>
          {step.name}
        </bdi>
        <span className="sr-only">{word(step.status)}</span>
        {iteration !== "" && <span className="badge">{iteration}</span>}
        {counts(step).map((text) => (
          <span key={text} className="badge">
            {text}
          </span>
        ))}
        <span className="spread lasted">{lasted}</span>
        <span className="sr-only">{word(step.status)}</span>
      </span>
      <span className="timeline-track" aria-hidden="true">
        {segments(step, now).map((segment, index) => {
          const at = place(segment, span);
          return (
            at !== null && (
              <span
                // biome-ignore lint/suspicious/noArrayIndexKey: segments keep their order and are only added
                key={index}
                className={`bar ${segment.kind} tone-${tone(segment.status)}`}
                style={{ left: `${at.left}%`, width: `${at.width}%` }}
                title={`${segment.title}, from +${duration(segment.from - startedAt)}`}
              />
            )
          );
        })}
      </span>
    </div>
  );
}

function Toggle({ inside, open, toggle }: { inside: number; open: boolean; toggle: () => void }) {
  if (inside === 0) return <span className="toggle" />;
  return (
    // For the pointer alone: ArrowLeft and ArrowRight on the tree do the same, and the row says whether it is expanded.
    <span
      className="toggle"
      aria-hidden="true"
      data-open={open}
      onClick={(event) => {
        event.stopPropagation();
        toggle();
      }}
    >
      ▸
    </span>
  );
}

/** What a row says beside its name: retries, and what came of iterations and branches. */
function counts(step: Step): string[] {
  // A Distributed Map's items are its Map Run's, which counts them.
  const fork = step.mapRun === "" ? step.forks.at(-1) : undefined;
  return [
    ...(step.retries.length > 0
      ? [step.retries.length === 1 ? "1 retry" : `${step.retries.length} retries`]
      : []),
    ...(fork === undefined ? [] : [`${fork.succeeded} of ${fork.total}`]),
    ...(fork !== undefined && fork.failed > 0 ? [`${fork.failed} failed`] : []),
  ];
}
