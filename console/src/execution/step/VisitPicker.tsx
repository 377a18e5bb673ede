import { useMemo } from "react";
import type { Step } from "../../api/types";
import { word } from "../../ui/Status";
import { visitsTo } from "../find";
import type { Story } from "../story";

/** Beyond so many, a number is typed rather than picked from a list. */
const LISTED_MAX = 200;

/** Which visit to the state is shown, where there were several. */
export function VisitPicker({
  story,
  step,
  select,
}: {
  story: Story;
  step: Step;
  select: (step: number) => void;
}) {
  const visits = useMemo(() => visitsTo(story.steps.values(), step.name), [story.steps, step.name]);
  const index = visits.findIndex(({ id }) => id === step.id);
  if (visits.length < 2) return null;
  function go(to: number) {
    const visit = visits[Math.min(Math.max(to, 0), visits.length - 1)];
    if (visit !== undefined) select(visit.id);
  }
  return (
    <div className="visits small spread" role="group" aria-label="Visit">
      <button
        type="button"
        className="button quiet"
        aria-label="Previous visit"
        disabled={index <= 0}
        onClick={() => go(index - 1)}
      >
        ‹
      </button>
      {visits.length <= LISTED_MAX ? (
        <select
          className="control"
          aria-label="Visit"
          value={index}
          onChange={(event) => go(Number(event.target.value))}
        >
          {visits.map((visit, at) => (
            <option key={visit.id} value={at}>
              {nameOf(visit, at, story)}
            </option>
          ))}
        </select>
      ) : (
        <input
          type="number"
          className="control"
          aria-label="Visit"
          min={1}
          max={visits.length}
          value={index + 1}
          onChange={(event) => event.target.value !== "" && go(Number(event.target.value) - 1)}
        />
      )}
      <span>of {visits.length}</span>
      <button
        type="button"
        className="button quiet"
        aria-label="Next visit"
        disabled={index === visits.length - 1}
        onClick={() => go(index + 1)}
      >
        ›
      </button>
    </div>
  );
}

function nameOf(visit: Step, index: number, story: Story): string {
  const inMap = story.steps.get(visit.parent)?.type === "Map";
  return `${index + 1}${inMap ? ` · #${visit.index}` : ""} · ${word(visit.status)}`;
}
