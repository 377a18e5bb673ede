import { expect, test } from "vitest";
import { Bounded } from "./bounded";

test("the entries that were used last are kept", () => {
  const kept = new Bounded<string, number>(2);
  kept.set("a", 1);
  kept.set("b", 2);
  kept.get("a");
  kept.set("c", 3);
  expect([kept.get("a"), kept.get("b"), kept.get("c")]).toEqual([1, undefined, 3]);
  kept.delete("a");
  expect(kept.get("a")).toBeUndefined();
});
