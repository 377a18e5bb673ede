import { describe, expect, it } from "vitest";
import type { Fork, Step } from "../../api/types";
import { aStep } from "../fixtures";
import { align } from "./align";
import { delta, differences, nearDifferences, parting } from "./differences";

let nextId = 1;

const step = (name: string, more: Partial<Step> = {}) => aStep(++nextId, { name, ...more });

const steps = (names: string) => [...names].map((name) => step(name));
const fork = (total: number) => [{ total } as Fork];

const text = (pairs: ReturnType<typeof align>) =>
  pairs
    .map(({ left, right, depth }) => `${"·".repeat(depth)}${left?.name ?? "-"}${right?.name ?? "-"}`)
    .join(" ");

describe("align", () => {
  it.each([
    ["ABC", "ABC", "AA BB CC"],
    ["ABC", "AC", "AA B- CC"],
    ["AC", "ABC", "AA -B CC"],
    ["ABXD", "AYD", "AA B- X- -Y DD"],
    ["", "AB", "-A -B"],
    ["ABABC", "ABC", "AA BB A- B- CC"],
    ["ABCD", "BCDA", "A- BB CC DD -A"],
  ])("%s beside %s", (left, right, pairs) => {
    expect(text(align(steps(left), steps(right)))).toBe(pairs);
  });

  it("aligns branches and iterations by their index, below the state that they are in", () => {
    const tree = (names: [string, number][]) => {
      const parent = step("P", { forks: fork(3) });
      return [parent, ...names.map(([name, index]) => step(name, { parent: parent.id, index })), step("Z")];
    };
    const left = tree([
      ["A", 0],
      ["C", 2],
      ["B", 0],
    ]);
    const right = tree([
      ["A", 0],
      ["D", 1],
      ["C", 2],
    ]);
    expect(text(align(left, right))).toBe("PP ·AA ·B- ·-D ·CC ZZ");
  });

  it("shows what was in a state that only one visited", () => {
    const parent = step("P", { forks: fork(1) });
    expect(text(align([parent, step("A", { parent: parent.id })], []))).toBe("P- ·A-");
  });

  it("keeps steps whose state is not kept any more", () => {
    expect(text(align([step("A", { parent: 99_999_999, index: 4 })], steps("A")))).toBe("AA");
  });

  it.each([
    ["ABXD", "AYD", "AA B- X- -Y DD"],
    ["XABC", "ABCX", "X- AA BB CC -X"],
  ])("matches greedily beyond its bound: %s beside %s", (left, right, pairs) => {
    const found = text(align(steps(left), steps(right), 0));
    expect([...found].sort()).toEqual([...pairs].sort());
    expect(found).toContain("AA");
  });

  it("takes 20,000 steps that have little in common", () => {
    const many = (seed: number) => Array.from({ length: 20_000 }, (_, at) => step(`S${(at * seed) % 101}`));
    const pairs = align(many(7), many(13));
    expect(pairs.filter(({ left }) => left !== null)).toHaveLength(20_000);
    expect(pairs.filter(({ right }) => right !== null)).toHaveLength(20_000);
  });
});

describe("parting", () => {
  const failed = { status: "FAILED", error: "Broken" };
  it.each([
    [steps("AB"), steps("AB"), "They take the same path, with the same outcome at every step."],
    [steps("AB"), steps("A"), "They part at B, after A: only the left execution goes there."],
    [steps("B"), steps("AB"), "They part at A: only the right execution goes there."],
    [[step("A")], [step("A", failed)], "They part at A: left succeeded, right failed with Broken."],
    [
      [step("A", { retries: [{}, {}] as Step["retries"] })],
      [step("A")],
      "They part at A: 2 retries left, 0 right.",
    ],
  ])("is told in words", (left, right, told) => {
    expect(parting(align(left, right))).toBe(told);
  });
});

it("tells what differs and how much longer the right one took", () => {
  const pair = {
    left: step("A", { enteredAt: 10, endedAt: 12 }),
    right: step("A", { enteredAt: 50, endedAt: 55, status: "FAILED", error: "E" }),
    depth: 0,
  };
  expect(differences(pair)).toEqual(["status", "error"]);
  expect(delta(pair)).toBe(3);
  expect(delta({ ...pair, left: step("A", { endedAt: 0 }) })).toBeNull();
});

it("finds what is near a difference", () => {
  const pairs = align(steps("ABCDEFGHIJ"), steps("ABCDEGHIJ"));
  expect(
    nearDifferences(pairs)
      .map((index) => pairs[index]?.left?.name)
      .join(""),
  ).toBe("DEFGH");
  expect(nearDifferences(align(steps("AB"), steps("AB")))).toEqual([]);
});
