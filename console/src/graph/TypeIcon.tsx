/** One line drawing for each type of state, 16 by 16. */
const PATHS: Record<string, string> = {
  Task: "M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z",
  Pass: "M2.5 8h10M9 4.5 12.5 8 9 11.5",
  Choice: "M8 1.8 14.2 8 8 14.2 1.8 8z",
  Wait: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 4.8V8l2.4 1.6",
  Succeed: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M5.3 8.2l2 2 3.5-4",
  Fail: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4",
  Parallel: "M8 1.5v3M3.5 14.5v-10h9v10M8 4.5v10",
  Map: "M3 5.5h8v8H3zM5.5 5.5V2.8H13v7.7h-2",
};

const UNKNOWN = "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 7.5V11M8 5v.1";

/** The sign of a state's type. It repeats what stands beside it, so it is hidden from screen readers. */
export function TypeIcon({ type }: { type: string }) {
  return (
    <svg className="type-icon" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
      <path d={Object.hasOwn(PATHS, type) ? PATHS[type] : UNKNOWN} />
    </svg>
  );
}
