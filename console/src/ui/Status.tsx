import type { ReactNode } from "react";

export type Tone = "running" | "succeeded" | "failed" | "caught" | "aborted";

const TONES: Record<string, Tone> = {
  RUNNING: "running",
  SUCCEEDED: "succeeded",
  FAILED: "failed",
  TIMED_OUT: "failed",
  ABORTED: "aborted",
  CAUGHT: "caught",
  PENDING: "running",
  PENDING_REDRIVE: "running",
};

/** A shape beside the colour: nobody has to tell red from green. */
const MARKS: Record<Tone, string> = { running: "◐", succeeded: "✓", failed: "✕", caught: "↷", aborted: "■" };

export function tone(status: string): Tone {
  return TONES[status] ?? "aborted";
}

/** The shape of a status, for where there is no room for a badge. */
export function mark(status: string): string {
  return MARKS[tone(status)];
}

/** The mark and the colour of a status, where its word stands elsewhere. */
export function Mark({ status }: { status: string }) {
  return (
    <span className={`mark tone-${tone(status)}`} aria-hidden="true">
      {mark(status)}
    </span>
  );
}

/** A status as people write it. */
export function word(status: string): string {
  return status
    .toLowerCase()
    .replaceAll("_", " ")
    .replace(/^./, (first) => first.toUpperCase());
}

/** A status as a badge: its mark, its colour and its word. */
export function Status({ status }: { status: string }) {
  return (
    <span className={`status tone-${tone(status)}`} data-status={status}>
      <Mark status={status} />
      {word(status)}
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
