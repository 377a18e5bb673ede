import { describe, expect, it } from "vitest";
import { isEverythingChosen, NOTHING_CHOSEN, type Selection, toggle, toggleShown } from "./selection";

const ARNS = ["a", "b", "c", "d", "e"];
const chosen = ({ chosen }: Selection) => [...chosen].sort().join("");

describe("toggle", () => {
  it.each<[string, [string, boolean][], string]>([
    [
      "one by one",
      [
        ["b", false],
        ["d", false],
      ],
      "bd",
    ],
    [
      "twice is not at all",
      [
        ["b", false],
        ["b", false],
      ],
      "",
    ],
    [
      "a range",
      [
        ["b", false],
        ["d", true],
      ],
      "bcd",
    ],
    [
      "a range upwards",
      [
        ["d", false],
        ["b", true],
      ],
      "bcd",
    ],
    [
      "a range that is let go",
      [
        ["a", false],
        ["e", true],
        ["c", true],
      ],
      "ab",
    ],
    ["a range from nowhere", [["c", true]], "c"],
    [
      "a range from what is not shown any more",
      [
        ["z", false],
        ["c", true],
      ],
      "cz",
    ],
  ])("%s", (_, clicks, expected) => {
    let selection = NOTHING_CHOSEN;
    for (const [arn, range] of clicks) selection = toggle(selection, ARNS, arn, range);
    expect(chosen(selection)).toBe(expected);
  });

  it("of all that match leaves the one", () => {
    expect(toggle({ ...NOTHING_CHOSEN, all: true }, ARNS, "b", false)).toMatchObject({
      all: false,
      anchor: "b",
    });
  });
});

it("all that are shown are chosen, or none", () => {
  const all = toggleShown(NOTHING_CHOSEN, ARNS);
  expect([chosen(all), isEverythingChosen(all, ARNS), isEverythingChosen(all, [...ARNS, "f"])]).toEqual([
    "abcde",
    true,
    false,
  ]);
  expect(toggleShown(all, ARNS)).toEqual(NOTHING_CHOSEN);
  expect(isEverythingChosen(NOTHING_CHOSEN, [])).toBe(false);
});
