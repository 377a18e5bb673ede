import { describe, expect, it } from "vitest";
import type { Cost, PriceList } from "../api/types";
import { assumptions, dollars, quantity, unitPrice, unverified, ways } from "./cost";

const PRICES: PriceList = {
  region: "us-east-1",
  date: "2026-11-21",
  items: [
    price("states.transition", 0.025, 1_000),
    price("states.express_gb_second", 0.00001667, 1, false),
    price("lambda.request", 0.2, 1_000_000),
  ],
};

function price(item: string, dollars: number, per: number, verified = true) {
  return { item, unit: item, dollars, per, verified, source: "a list", dated: "2026" };
}

function cost(more: Partial<Cost> = {}): Cost {
  return {
    executions: 1,
    sampled: 1,
    states: [{ item: "states.transition", quantity: 4, dollars: 0.0001 }],
    functions: [{ item: "lambda.request", quantity: 1, dollars: 0.0000002 }],
    express: null,
    notExpress: null,
    children: 0,
    nested: 0,
    invocations: 1,
    estimated: 0,
    ...more,
  };
}

describe("figures", () => {
  it.each([
    [0, "$0.00"],
    [1234.5, "$1,234.50"],
    [0.1, "$0.10"],
    [0.0000750004, "$0.000075"],
    [1.2e-7, "$0.00000012"],
  ])("%s dollars are %s", (amount, text) => {
    expect(dollars(amount)).toBe(text);
  });

  it.each([
    [4, "4"],
    [0.22800000000000004, "0.228"],
    [5120.4, "5,120"],
  ])("%s units are %s", (amount, text) => {
    expect(quantity(amount)).toBe(text);
  });

  it.each(
    PRICES.items.map(
      (item, index) => [item, ["$0.025 per 1,000", "$0.00001667", "$0.20 per 1,000,000"][index]] as const,
    ),
  )("a unit price is as services say it", (item, text) => {
    expect(unitPrice(item)).toBe(text);
  });
});

describe("ways", () => {
  it("has Express beside Standard, without a sum where that could not be", () => {
    const refused = ways(cost({ notExpress: "waits for a task token" }), "STANDARD");
    expect(refused.map((way) => way.dollars)).toEqual([expect.closeTo(0.0001002, 12), null]);
    const express = [{ item: "states.express_request", quantity: 1, dollars: 0.000001 }];
    expect(ways(cost({ express }), "STANDARD")[1]?.dollars).toBeCloseTo(0.0000012, 12);
  });

  it("has one way alone for what was Express", () => {
    expect(ways(cost(), "EXPRESS").map((way) => way.title)).toEqual(["As it ran (Express)"]);
  });
});

describe("what is said beside the figures", () => {
  it("names the prices that nobody has checked, where they count", () => {
    expect(unverified(cost().states, PRICES)).toEqual([]);
    const express = [{ item: "states.express_gb_second", quantity: 1, dollars: 0.00001667 }];
    expect(unverified(express, PRICES).map(({ item }) => item)).toEqual(["states.express_gb_second"]);
  });

  it("says what was left out and what was guessed", () => {
    expect(assumptions(cost())).toEqual(["Free tiers and volume discounts are ignored."]);
    const said = assumptions(
      cost({ executions: 5120, sampled: 100, estimated: 2, invocations: 10, children: 1, nested: 3 }),
    );
    expect(said[1]).toBe("Extrapolated from 100 of 5,120 executions.");
    expect(said[2]).toContain("2 of 10 invocations had no REPORT line");
    expect(said.slice(3)).toEqual([
      "1 child execution of Map Runs included.",
      "3 nested executions not included: each has its own cost.",
    ]);
  });
});
