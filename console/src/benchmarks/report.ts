import { flag, json, list, members, number, object, optional, orNull, pair, text, Unreadable } from "./shape";

/** The `report.json` of `stepwell bench run`, with the members' own names. Every file is a stranger's. */

export const BYTES_MAX = 50 * 2 ** 20;

const LIST_MAX = 20_000;
const NAMES_MAX = 200;

/** Workloads, strategies or faults: a table has a row or a column for each. */
const TITLES_MAX = 64;

const witness = object({ text, rows: optional(list(members(json, NAMES_MAX), 1_000), []) });

const verdict = object({
  count: number,
  exposed: number,
  invalid: orNull(text),
  witnesses: list(witness, 100),
  interval: optional(orNull(object({ low: number, high: number })), null),
});

const outcome = object({
  workload: text,
  strategy: text,
  fault: text,
  without: orNull(text),
  verdicts: members(verdict, NAMES_MAX),
  fired: number,
  refused: number,
  writes: number,
  expected: list(text, NAMES_MAX),
  possible: list(text, NAMES_MAX),
  recovery: orNull(object({ seconds: orNull(number), survived: number, acknowledged: number })),
  repetition: optional(number, 0),
});

const profile = object({
  workload: text,
  strategy: text,
  calls: members(number, NAMES_MAX),
  latency_milliseconds: number,
  latency_parts: members(number, NAMES_MAX),
  dollars: number,
  dollars_doubled: number,
  dollars_parts: members(number, NAMES_MAX),
  curve: list(pair(number), 1_000),
  unverified: list(text, NAMES_MAX),
});

const guard = object({ strategy: text, name: text, lines: number, tried: flag, caught_by: orNull(text) });

const rung = object({
  workload: text,
  strategy: text,
  clients: number,
  seconds: number,
  done: number,
  lost: number,
  refused: number,
  writes: number,
});

const pace = object({
  workload: text,
  strategy: text,
  rate: number,
  planned: number,
  dropped: number,
  achieved: number,
  response_milliseconds: members(number, NAMES_MAX),
  service_milliseconds: members(number, NAMES_MAX),
  invalid: orNull(text),
});

const titles = object({
  workloads: members(text, NAMES_MAX),
  strategies: members(text, NAMES_MAX),
  faults: members(text, NAMES_MAX),
});

const report = object({
  run: text,
  preset: text,
  command: text,
  started_at: text,
  seconds: number,
  machine: members(text, NAMES_MAX),
  versions: members(text, NAMES_MAX),
  budget: object({
    consistency: text,
    latency_milliseconds: number,
    dollars_per_million: number,
    requests_per_second: number,
  }),
  outcomes: list(outcome, LIST_MAX),
  profiles: optional(list(profile, LIST_MAX), []),
  guards: optional(list(guard, LIST_MAX), []),
  rungs: optional(list(rung, LIST_MAX), []),
  paces: optional(list(pace, LIST_MAX), []),
  opening: optional(text, ""),
  conclusions: optional(list(text, NAMES_MAX), []),
  disagreements: optional(list(text, NAMES_MAX), []),
  titles: optional(orNull(titles), null),
});

export type Report = ReturnType<typeof report>;
export type Outcome = ReturnType<typeof outcome>;
export type Verdict = ReturnType<typeof verdict>;
export type Witness = ReturnType<typeof witness>;
export type Profile = ReturnType<typeof profile>;
export type Guard = ReturnType<typeof guard>;

/** A report from its JSON text. Raises `Unreadable`. */
export function parseReport(source: string): Report {
  let found: unknown;
  try {
    found = JSON.parse(source);
  } catch (error) {
    throw new Unreadable(`It is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const read = report(found, "report");
  if (read.outcomes.length === 0) throw new Unreadable("report.outcomes is empty: nothing was measured");
  for (const name of ["workload", "strategy", "fault"] as const) {
    if (new Set(read.outcomes.map((each) => each[name])).size > TITLES_MAX) {
      throw new Unreadable(`report.outcomes names more than ${TITLES_MAX} of ${name}`);
    }
  }
  return read;
}

/** A report from a file that somebody chose. Raises `Unreadable`. */
export async function readReport(file: File): Promise<Report> {
  if (file.size > BYTES_MAX) throw new Unreadable(`${file.name} has more than 50 MB`);
  return parseReport(await file.text());
}
