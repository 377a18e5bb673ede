// @vitest-environment jsdom
import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useLive } from "./live";
import type { News } from "./types";

const opened: AbortSignal[] = [];

vi.mock("./client", async (original) => ({
  ...(await original<typeof import("./client")>()),
  listen: vi.fn(async (_execution: string | null, signal: AbortSignal) => {
    opened.push(signal);
    return (async function* () {
      await new Promise((_, reject) => signal.addEventListener("abort", reject));
    })();
  }),
}));

function look(hidden: boolean) {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}

beforeEach(() => {
  opened.length = 0;
});
afterEach(() => {
  cleanup();
  look(false);
});

it("asks to read again whenever the stream begins", async () => {
  const told: News[] = [];
  const { result } = renderHook(() => useLive(null, (news) => told.push(news)));
  await act(async () => {});
  expect(told).toEqual([{ changes: [], missed: true }]);
  expect(result.current).toBe("live");
});

it("holds no stream while nobody looks", async () => {
  const told: News[] = [];
  const { unmount } = renderHook(() => useLive("execution", (news) => told.push(news)));
  await act(async () => look(true));
  expect(opened.map((signal) => signal.aborted)).toEqual([true]);
  await act(async () => look(false));
  expect(opened.map((signal) => signal.aborted)).toEqual([true, false]);
  expect(told).toHaveLength(2);
  unmount();
  expect(opened.every((signal) => signal.aborted)).toBe(true);
});
