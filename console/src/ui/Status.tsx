import type { ReactNode } from "react";

export type Tone = "running" | "succeeded" | "failed" | "caught" | "aborted";

const TONES: Record<string, Tone> = {
  RUNNING: "running",
  SUCCEEDED: "succeeded",
  FAILED: "failed",
  TIMED_OUT: "failed",
  ABORTED: "aborted",
  CAUGHT: "caught",
  PENDING_REDRIVE: "running",
};

/** A shape beside the colour: nobody has to tell red from green. */
const MARKS: Record<Tone, string> = { running: "◐", succeeded: "✓", failed: "✕", caught: "↷", aborted: "■" };

export function tone(status: string): Tone {
  return TONES[status] ?? "aborted";
}

/** A status as a badge: its mark, its colour and its word. */
export function Status({ status }: { status: string }) {
  return (
    <span className={`status tone-${tone(status)}`} data-status={status}>
      <span aria-hidden="true">{MARKS[tone(status)]}</span>
      {status
        .toLowerCase()
        .replace("_", " ")
        .replace(/^./, (first) => first.toUpperCase())}
    </span>
  );
}

/** Something to be told, in the colour of a status. */
export function Note({ kind, children }: { kind: Tone; children: ReactNode }) {
  return (
    <div className={`note tone-${kind}`} role={kind === "failed" ? "alert" : "status"}>
      {children}
    </div>
  );
}
