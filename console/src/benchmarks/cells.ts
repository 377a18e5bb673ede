import type { Outcome, Report, Verdict } from "./report";

/** What a report shows at a glance, with the words and the marks of the report's own page. */

export type Kind = "found" | "none" | "invalid";

export const MARKS: Record<Kind, string> = { found: "●", none: "○", invalid: "✕" };
export const SPOKEN: Record<Kind, string> = {
  found: "anomaly found",
  none: "none seen",
  invalid: "says nothing",
};

/** The fault of an undisturbed run. */
const CALM = "none";

export interface Cell {
  kind: Kind;
  /** A line for each measure in which something broke. */
  text: string;
  note: string;
  /** Whether something else was expected before the run. */
  surprises: boolean;
}

export interface Place {
  workload: string;
  strategy: string;
  fault: string;
}

export interface Matrix {
  workload: string;
  faults: string[];
  rows: { strategy: string; cells: (Cell | null)[] }[];
}

/** The outcomes of a cell and its repetitions, but for those without a guard. */
export function outcomesAt(report: Report, { workload, strategy, fault }: Place): Outcome[] {
  return report.outcomes.filter(
    (each) =>
      each.without === null &&
      each.workload === workload &&
      each.strategy === strategy &&
      each.fault === fault,
  );
}

/** For each workload: strategies by faults. Everything stands in the order of the report. */
export function matrices(report: Report): Matrix[] {
  const outcomes = report.outcomes.filter((each) => each.without === null);
  return unique(outcomes.map((each) => each.workload)).map((workload) => {
    const own = outcomes.filter((each) => each.workload === workload);
    const faults = unique(own.map((each) => each.fault));
    const rows = unique(own.map((each) => each.strategy)).map((strategy) => ({
      strategy,
      cells: faults.map((fault) =>
        cellOf(own.filter((each) => each.strategy === strategy && each.fault === fault)),
      ),
    }));
    return { workload, faults, rows };
  });
}

/** What broke, or of clean measures the one of which the least is known; null where nothing was measured. */
export function cellOf(outcomes: Outcome[]): Cell | null {
  if (outcomes.length === 0) return null;
  const surprises = outcomes.some((each) => disagreements(each).length > 0);
  const sums = [...totals(outcomes)];
  const found = sums.filter(([, verdict]) => verdict.invalid === null && verdict.count > 0);
  if (found.length > 0) {
    const said = found.map(([measure, { count, exposed }]) => `${measure} ${count} of ${exposed}`);
    return { kind: "found", text: said.join("\n"), note: "", surprises };
  }
  const clean = sums.map(([, verdict]) => verdict);
  const shown =
    clean.find((verdict) => verdict.invalid !== null) ??
    clean.reduce((least, each) => (each.exposed < least.exposed ? each : least), clean[0] ?? NOTHING);
  return { ...entryOf(shown), surprises };
}

export type Sum = Pick<Verdict, "count" | "exposed" | "invalid">;

const NOTHING: Sum = { count: 0, exposed: 0, invalid: null };

/** `3 of 412`, `0 of 412` with the rate that is still possible, or `INVALID` with the reason. */
export function entryOf({ count, exposed, invalid }: Sum): Omit<Cell, "surprises"> {
  if (invalid !== null) return { kind: "invalid", text: "INVALID", note: invalid };
  if (count > 0) return { kind: "found", text: `${count} of ${exposed}`, note: "" };
  if (exposed <= 0) return { kind: "invalid", text: "INVALID", note: "nothing was exposed" };
  return { kind: "none", text: `0 of ${exposed}`, note: `at most ${percent(atMost(exposed))}` };
}

/** By measure, over repetitions: what some found stands, but a clean sum takes all to be valid. */
export function totals(outcomes: Outcome[]): Map<string, Sum> {
  const measures = unique(outcomes.flatMap((each) => [...each.verdicts.keys()]));
  return new Map(
    measures.map((measure) => [measure, sum(outcomes.flatMap((each) => each.verdicts.get(measure) ?? []))]),
  );
}

function sum(verdicts: Sum[]): Sum {
  const valid = verdicts.filter((each) => each.invalid === null);
  const count = valid.reduce((total, each) => total + each.count, 0);
  const silent = verdicts.find((each) => each.invalid !== null);
  if (count === 0 && silent !== undefined) return silent;
  return { count, exposed: valid.reduce((total, each) => total + each.exposed, 0), invalid: null };
}

/** The measures in which something else was found than was expected. */
export function disagreements({ verdicts, expected, possible }: Outcome): string[] {
  return [...verdicts]
    .filter(([measure, { invalid }]) => invalid === null && !possible.includes(measure))
    .filter(([measure, { count }]) => count > 0 !== expected.includes(measure))
    .map(([measure]) => measure);
}

/** With 95 % confidence the rate is below this where none of so many was seen (Clopper and Pearson, one-sided). */
export function atMost(exposed: number): number {
  return exposed > 0 ? 1 - 0.05 ** (1 / exposed) : 1;
}

export function percent(rate: number): string {
  return `${(100 * rate).toFixed(rate < 0.1 ? 1 : 0)} %`;
}

/** The title that a report gives a name, where it gives one. */
export function titleOf(report: Report, of: "workloads" | "strategies" | "faults", name: string): string {
  const title = report.titles?.[of].get(name);
  return title ?? (of === "faults" && name === CALM ? "undisturbed" : name);
}

export function unique<T>(values: T[]): T[] {
  return [...new Set(values)];
}
