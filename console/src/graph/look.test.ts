import { expect, test } from "vitest";
import type { Visits } from "../execution/story";
import type { EdgeKind, GraphNode } from "./definition";
import { isTaken, standingState, visitsInWords } from "./look";

const visit = (status: string, count = 1): Visits => ({ status, count, retries: 0, step: 1 });
const node = (name: string, kind: GraphNode["kind"] = "state") => ({ name, kind }) as GraphNode;

test.each<[string, EdgeKind, Record<string, Visits>, boolean]>([
  ["both ends were visited", "next", { A: visit("SUCCEEDED"), B: visit("RUNNING") }, true],
  ["the first still runs", "next", { A: visit("RUNNING"), B: visit("SUCCEEDED") }, false],
  ["the first runs again", "next", { A: visit("RUNNING", 2), B: visit("SUCCEEDED") }, true],
  ["the second was not reached", "choice", { A: visit("SUCCEEDED") }, false],
  ["an error was caught", "catch", { A: visit("CAUGHT"), B: visit("SUCCEEDED") }, true],
  ["no error was caught", "catch", { A: visit("SUCCEEDED"), B: visit("SUCCEEDED") }, false],
  ["the error went elsewhere", "next", { A: visit("CAUGHT"), B: visit("SUCCEEDED") }, false],
])("an edge where %s", (_, kind, visits, taken) => {
  const edge = { id: "e", kind, from: "a", to: "b", label: "", parent: null };
  expect(isTaken(edge, node("A"), node("B"), new Map(Object.entries(visits)))).toBe(taken);
});

test("the marks of start and end belong to the path, and without visits there is none", () => {
  const edge = { id: "e", kind: "next" as const, from: "a", to: "b", label: "", parent: null };
  const visits = new Map([["A", visit("SUCCEEDED")]]);
  expect(isTaken(edge, node("Start", "start"), node("A"), visits)).toBe(true);
  expect(isTaken(edge, node("A"), node("End", "end"), visits)).toBe(true);
  expect(isTaken(edge, node("A"), node("End", "end"), new Map([["A", visit("FAILED")]]))).toBe(false);
  expect(isTaken(edge, node("A"), node("End", "end"), null)).toBe(false);
});

test("visits in words", () => {
  expect(visitsInWords({ status: "TIMED_OUT", count: 2, retries: 1, step: 1 })).toBe(
    "timed out, 2 visits, 1 retry",
  );
  expect(visitsInWords(visit("SUCCEEDED"))).toBe("succeeded");
});

test("what is looked at first is where the execution stands", () => {
  const inside = {
    Done: visit("SUCCEEDED"),
    Box: visit("RUNNING"),
    Within: visit("RUNNING"),
    Side: visit("SUCCEEDED"),
  };
  expect(standingState(new Map(Object.entries(inside)))).toBe("Within");
  expect(standingState(new Map([["A", visit("SUCCEEDED")]]))).toBeNull();
  expect(standingState(null)).toBeNull();
});
