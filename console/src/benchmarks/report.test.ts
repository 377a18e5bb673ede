import { describe, expect, it } from "vitest";
import run from "../../../docs/benchmark/runs/default.json";
import { atMost, cellOf, disagreements, entryOf, matrices, outcomesAt, percent, totals } from "./cells";
import { costByLoad, goodputByClients } from "./lines";
import { type Outcome, parseReport, readReport, type Verdict } from "./report";
import { columnsOf, rowsOf } from "./witness";

const committed = JSON.stringify(run);
const report = parseReport(committed);

function verdict(count: number, exposed: number, invalid: string | null = null): Verdict {
  return { count, exposed, invalid, witnesses: [], interval: null };
}

function outcome(verdicts: Record<string, Verdict>, more: Partial<Outcome> = {}): Outcome {
  return {
    workload: "order",
    strategy: "blind",
    fault: "kill",
    without: null,
    verdicts: new Map(Object.entries(verdicts)),
    fired: 3,
    refused: 0,
    writes: 0,
    expected: [],
    possible: [],
    recovery: null,
    repetition: 0,
    ...more,
  };
}

describe("a committed run", () => {
  it("is read whole", () => {
    expect(report.outcomes.length).toBe(100);
    expect(
      report.outcomes.flatMap((each) => [...each.verdicts.values()]).some((each) => each.witnesses.length),
    ).toBe(true);
  });

  it("has a matrix of strategies by faults for each workload, without the cells that try guards", () => {
    const [first] = matrices(report);
    expect(first?.rows.every((row) => row.cells.length === first.faults.length)).toBe(true);
    const guarded = report.outcomes.find((each) => each.without !== null);
    expect(guarded && outcomesAt(report, guarded).every((each) => each.without === null)).toBe(true);
  });

  it("says of each verdict what the run said", () => {
    const written = run as unknown as { outcomes: { verdicts: Record<string, { text: string }> }[] };
    report.outcomes.forEach((each, place) => {
      for (const [measure, own] of each.verdicts) {
        const { text, note } = entryOf(own);
        const said = written.outcomes[place]?.verdicts[measure]?.text;
        expect(note === "" ? text : `${text} (${note})`).toBe(said);
      }
    });
  });

  it("has a curve of dollars for each strategy", () => {
    const { xs, lines } = costByLoad(report, "order");
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.every((line) => line.ys.length === xs.length)).toBe(true);
  });
});

const many = run.outcomes.slice(0, 65).map((each, place) => ({ ...each, fault: `fault ${place}` }));

describe("a file of a stranger", () => {
  it.each([
    ["", "It is not JSON"],
    ["[]", "report is not an object"],
    ["{}", "report.run is not a text"],
    [JSON.stringify({ ...run, outcomes: [] }), "nothing was measured"],
    [JSON.stringify({ ...run, outcomes: [1] }), "report.outcomes[0] is not an object"],
    [JSON.stringify({ ...run, outcomes: Array(20_001).fill(0) }), "more than 20,000 entries"],
    [committed.replace('"count":', '"count": "1", "c":'), ".count is not a number"],
    [`${"[".repeat(100_000)}`, "It is not JSON"],
    [JSON.stringify({ ...run, outcomes: many }), "more than 64 of fault"],
    ['{"__proto__": {"run": "x"}}', "report.run is not a text"],
  ])("is refused with the place (%#)", (source, said) => {
    expect(() => parseReport(source)).toThrow(said);
  });

  it("may not be larger than what is read", async () => {
    const file = { name: "big.json", size: 51 * 2 ** 20, text: () => Promise.resolve("{}") } as File;
    await expect(readReport(file)).rejects.toThrow("more than 50 MB");
  });

  it("has its words cut", () => {
    const long = parseReport(JSON.stringify({ ...run, run: "x".repeat(10_000) }));
    expect(long.run.length).toBe(5_000);
  });
});

describe("cellOf", () => {
  it.each([
    [[outcome({ lost: verdict(2, 9), stuck: verdict(0, 9) })], "found", "lost 2 of 9", ""],
    [[outcome({ lost: verdict(2, 9), stuck: verdict(1, 9) })], "found", "lost 2 of 9\nstuck 1 of 9", ""],
    [[outcome({ lost: verdict(0, 9), stuck: verdict(0, 3) })], "none", "0 of 3", "at most 63 %"],
    [
      [outcome({ lost: verdict(0, 9), stuck: verdict(0, 0, "never fired") })],
      "invalid",
      "INVALID",
      "never fired",
    ],
    [[outcome({ lost: verdict(0, 0) })], "invalid", "INVALID", "nothing was exposed"],
    [
      [outcome({ lost: verdict(1, 9) }), outcome({ lost: verdict(0, 0, "never fired") })],
      "found",
      "lost 1 of 9",
      "",
    ],
  ])("%#: %s %s", (outcomes, kind, text, note) => {
    expect(cellOf(outcomes as Outcome[])).toMatchObject({ kind, text, note });
  });

  it("is nothing where nothing was measured", () => {
    expect(cellOf([])).toBeNull();
  });
});

describe("expectations", () => {
  it("are kept to where an anomaly was expected, or possible", () => {
    const found = { lost: verdict(1, 9) };
    expect(disagreements(outcome(found))).toEqual(["lost"]);
    expect(disagreements(outcome(found, { expected: ["lost"] }))).toEqual([]);
    expect(disagreements(outcome(found, { possible: ["lost"] }))).toEqual([]);
    expect(disagreements(outcome({ lost: verdict(0, 9) }, { expected: ["lost"] }))).toEqual(["lost"]);
  });
});

describe("sums", () => {
  it("are over repetitions", () => {
    const both = [outcome({ lost: verdict(1, 9) }), outcome({ lost: verdict(2, 8) }, { repetition: 1 })];
    expect(totals(both).get("lost")).toEqual({ count: 3, exposed: 17, invalid: null });
  });

  it("bound what was not seen", () => {
    expect(percent(atMost(48))).toBe("6.1 %");
    expect(atMost(0)).toBe(1);
  });
});

describe("goodputByClients", () => {
  it("is a multiple of the fewest clients'", () => {
    const rung = { workload: "order", strategy: "blind", seconds: 2, refused: 0, writes: 0 };
    const rungs = [
      { ...rung, clients: 8, done: 30, lost: 10 },
      { ...rung, clients: 1, done: 10, lost: 0 },
    ];
    expect(goodputByClients({ ...report, rungs }, "order")).toEqual({
      xs: [1, 8],
      lines: [{ strategy: "blind", ys: [1, 2] }],
    });
    expect(goodputByClients(report, "order").lines).toEqual([]);
  });
});

describe("a witness", () => {
  it("is told by who did what when, and nothing that is empty", () => {
    const row = (more: Record<string, unknown>) =>
      new Map(
        Object.entries({ worker: "w", result: null, ...more }).map(([name, value]) => [
          name,
          JSON.stringify(value),
        ]),
      );
    const rows = rowsOf({
      text: "",
      rows: [row({ invoked_at: 10, returned_at: 10.5 }), row({ invoked_at: 10.1, returned_at: null })],
    });
    expect(columnsOf(rows)).toEqual(["invoked_at", "returned_at", "worker"]);
    expect(rows.map((each) => [each.get("invoked_at"), each.get("returned_at")])).toEqual([
      ["+0.0 ms", "+500.0 ms"],
      ["+100.0 ms", ""],
    ]);
    expect(rowsOf({ text: "", rows: [row({})] })[0]?.get("worker")).toBe("w");
  });

  it("of the committed run has all it needs", () => {
    const witness = report.outcomes
      .flatMap((each) => [...each.verdicts.values()])
      .flatMap((each) => each.witnesses)[0];
    expect(witness && columnsOf(rowsOf(witness))).toContain("worker");
  });
});
