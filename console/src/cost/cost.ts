import type { Cost, CostLine, MachineCost, PriceList, UnitPrice } from "../api/types";

const CENTS = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const DIGITS = new Intl.NumberFormat("en-US", {
  style: "currency",
  currency: "USD",
  maximumSignificantDigits: 3,
});
const UNIT = new Intl.NumberFormat("en-US", {
  style: "currency",
  currency: "USD",
  maximumFractionDigits: 12,
});
const QUANTITY = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });
const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** To the cent, and to three digits where that would say nothing. */
export function dollars(amount: number): string {
  return amount >= 0.1 || amount === 0 ? CENTS.format(amount) : DIGITS.format(amount);
}

/** How much of something: whole things whole, others to four digits. */
export function quantity(amount: number): string {
  return amount >= 1_000 ? WHOLE.format(amount) : QUANTITY.format(amount);
}

/** What a unit costs, as services say it: `$0.025 per 1,000`. */
export function unitPrice({ dollars, per }: UnitPrice): string {
  return per === 1 ? UNIT.format(dollars) : `${UNIT.format(dollars)} per ${WHOLE.format(per)}`;
}

export function total(lines: CostLine[]): number {
  return lines.reduce((sum, line) => sum + line.dollars, 0);
}

/** One way to run the same work, and what it comes to. `dollars` is null where it could not run so. */
export interface Way {
  title: string;
  states: number;
  functions: number;
  dollars: number | null;
}

/** As it ran, and as Express where that is another way. */
export function ways(cost: Cost, type: string): Way[] {
  const functions = total(cost.functions);
  const way = (title: string, lines: CostLine[] | null): Way => ({
    title,
    states: total(lines ?? []),
    functions,
    dollars: lines === null ? null : total(lines) + functions,
  });
  const ran = way(type === "EXPRESS" ? "As it ran (Express)" : "As it ran (Standard)", cost.states);
  return type === "EXPRESS" ? [ran] : [ran, way("As Express", cost.express)];
}

/** What was billed for executions and functions alike, of each machine. */
export function machineTotal({ cost }: MachineCost): number {
  return total(cost.states) + total(cost.functions);
}

/** Lines of a bill with the prices that they rest on. */
export function priced(lines: CostLine[], prices: PriceList): { line: CostLine; price: UnitPrice }[] {
  return lines.flatMap((line) => {
    const price = prices.items.find((each) => each.item === line.item);
    return price === undefined ? [] : [{ line, price }];
  });
}

/** The prices that these lines rest on and that nobody has checked. */
export function unverified(lines: CostLine[], prices: PriceList): UnitPrice[] {
  const used = new Set(lines.map((line) => line.item));
  return prices.items.filter((price) => used.has(price.item) && !price.verified);
}

/** What the figures assume and leave out, a sentence each. */
export function assumptions(cost: Cost): string[] {
  const said = ["Free tiers and volume discounts are ignored."];
  if (cost.sampled < cost.executions) {
    said.push(`Extrapolated from ${WHOLE.format(cost.sampled)} of ${count(cost.executions, "execution")}.`);
  }
  if (cost.estimated > 0) {
    said.push(
      `${WHOLE.format(cost.estimated)} of ${count(cost.invocations, "invocation")} had no REPORT line that was read: ` +
        "estimated from the time of the attempt and the function's memory.",
    );
  }
  if (cost.children > 0) said.push(`${count(cost.children, "child execution")} of Map Runs included.`);
  if (cost.nested > 0)
    said.push(`${count(cost.nested, "nested execution")} not included: each has its own cost.`);
  return said;
}

export function count(amount: number, thing: string): string {
  return `${WHOLE.format(amount)} ${thing}${Math.round(amount) === 1 ? "" : "s"}`;
}
