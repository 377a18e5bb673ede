import type { Exported } from "./document";
import type { HistoryEvent } from "./events";

/** The members that hold no data of an execution. All others are left out where payloads are. */
const HARMLESS = [
  "name",
  "index",
  "length",
  "resource",
  "resourceType",
  "region",
  "mapRunArn",
  "redriveCount",
  "error",
  "roleArn",
  "stateMachineAliasArn",
  "stateMachineVersionArn",
  "timeoutInSeconds",
  "heartbeatInSeconds",
];

/** A report without anything that came from or went to the outside: what is kept is named, the rest is dropped. */
export function withoutPayloads(exported: Exported): Exported {
  const { page, steps, events } = exported;
  return {
    ...exported,
    payloads: false,
    page: {
      ...page,
      input: { bytes: page.input.bytes, text: null },
      output: null,
      execution: { ...page.execution, cause: null },
    },
    steps: steps.map((step) => ({ ...step, cause: "", attempts: step.attempts.map(withoutCause) })),
    events: events.map(harmless),
  };
}

function withoutCause<Told extends { cause: string }>(told: Told): Told {
  return { ...told, cause: "" };
}

function harmless(event: HistoryEvent): HistoryEvent {
  const kept = Object.entries(event.details).filter(([name]) => HARMLESS.includes(name));
  return { ...event, details: Object.fromEntries(kept) };
}
