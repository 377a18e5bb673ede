import { describe, expect, it } from "vitest";
import type { Machine } from "../api/types";
import { arranged, type Order, outcome, percent, recent, share, started, together } from "./overview";

function machine(name: string, counts: Record<string, number>, more: Partial<Machine> = {}): Machine {
  return {
    stateMachineArn: `arn:${name}`,
    name,
    type: "STANDARD",
    createdAt: 0,
    revision: 1,
    counts,
    buckets: [],
    deleting: false,
    lastFailure: null,
    ...more,
  };
}

it("everything that is closed without success counts as such", () => {
  const counts = { RUNNING: 1, SUCCEEDED: 6, FAILED: 1, TIMED_OUT: 2, ABORTED: 3 };
  expect(outcome(machine("A", counts))).toEqual({ running: 1, succeeded: 6, unsuccessful: 6 });
  expect(outcome(machine("A", {}))).toEqual({ running: 0, succeeded: 0, unsuccessful: 0 });
});

it("buckets and machines are added up", () => {
  const lately = recent([
    { succeeded: 1, unsuccessful: 2, open: 3 },
    { succeeded: 10, unsuccessful: 0, open: 0 },
  ]);
  expect(started(together([lately, lately]))).toBe(32);
});

it.each([
  [null, "–"],
  [0, "0 %"],
  [0.00001, "0.1 %"],
  [0.5, "50.0 %"],
  [0.99999, "99.9 %"],
  [1, "100 %"],
])("the share %s is shown as %s", (part, expected) => {
  expect(percent(part)).toBe(expected);
});

it("nothing closed has no share", () => {
  expect(share({ running: 3, succeeded: 0, unsuccessful: 0 })).toBeNull();
});

describe("arranged", () => {
  const failed = (startedAt: number) => ({ lastFailure: { startedAt } as Machine["lastFailure"] });
  const machines = [
    machine("Charge", { SUCCEEDED: 1 }, { buckets: [{ succeeded: 1, unsuccessful: 0, open: 0 }] }),
    machine("Archive", { RUNNING: 5 }),
    machine("Bill", { SUCCEEDED: 1, FAILED: 1 }, failed(9)),
  ];

  it.each<[Order, string, string[]]>([
    ["name", "", ["Archive", "Bill", "Charge"]],
    ["name", "AR", ["Archive", "Charge"]],
    ["failure", "", ["Bill", "Archive", "Charge"]],
    ["running", "", ["Archive", "Bill", "Charge"]],
    ["started", "", ["Charge", "Archive", "Bill"]],
    ["share", "", ["Bill", "Charge", "Archive"]],
  ])("by %s, with “%s” in the name", (order, text, expected) => {
    expect(arranged(machines, text, order).map(({ name }) => name)).toEqual(expected);
  });
});
