// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FilterBar } from "./FilterBar";
import { type Filters, NO_FILTERS } from "./filters";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const queries = new QueryClient({ defaultOptions: { queries: { enabled: false } } });

function bar(change: (filters: Filters) => void) {
  const shown = (filters: Filters) => (
    <QueryClientProvider client={queries}>
      <FilterBar filters={filters} change={change} />
    </QueryClientProvider>
  );
  const { rerender, getByLabelText } = render(shown(NO_FILTERS));
  const name = getByLabelText("Name") as HTMLInputElement;
  return {
    name,
    type: (value: string) => fireEvent.change(name, { target: { value } }),
    address: (filters: Partial<Filters>) => rerender(shown({ ...NO_FILTERS, ...filters })),
    wait: () => act(() => vi.advanceTimersByTime(400)),
  };
}

it("a text is told when one has stopped typing", () => {
  const change = vi.fn();
  const { type, wait } = bar(change);
  type("a");
  type("ab");
  expect(change).not.toHaveBeenCalled();
  wait();
  expect(change.mock.calls).toEqual([[{ ...NO_FILTERS, name: "ab" }]]);
});

it("what is typed while the address changes is not lost", () => {
  const change = vi.fn();
  const { name, type, wait, address } = bar(change);
  type("ab");
  wait();
  type("abc");
  address({ name: "ab" });
  expect(name.value).toBe("abc");
  wait();
  expect(change).toHaveBeenLastCalledWith({ ...NO_FILTERS, name: "abc" });
});

it("the field follows the address", () => {
  const { name, type, wait, address } = bar(() => {});
  type("ab");
  wait();
  address({ name: "ab" });
  address({});
  expect(name.value).toBe("");
});
