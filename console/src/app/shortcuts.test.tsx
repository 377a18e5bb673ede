// @vitest-environment jsdom
import { cleanup, fireEvent, render } from "@testing-library/react";
import { MemoryRouter, useLocation } from "react-router";
import { afterEach, describe, expect, it, vi } from "vitest";
import { isTaken, NONE_PENDING, PAUSE_MS, press } from "./shortcuts";
import { useShortcuts } from "./useShortcuts";

afterEach(cleanup);

describe("press", () => {
  it.each<[string, [string, number][], unknown]>([
    ["one key", [["?", 0]], "help"],
    [
      "two keys",
      [
        ["g", 0],
        ["e", 10],
      ],
      { go: "/executions" },
    ],
    [
      "two keys with a long pause",
      [
        ["g", 0],
        ["e", PAUSE_MS + 1],
      ],
      null,
    ],
    ["a key that begins nothing", [["x", 0]], null],
    [
      "a key after one that has led nowhere",
      [
        ["g", 0],
        ["j", 10],
      ],
      "next",
    ],
    [
      "the first key twice",
      [
        ["g", 0],
        ["g", 10],
        ["b", 20],
      ],
      { go: "/benchmarks" },
    ],
  ])("%s", (_, keys, expected) => {
    let [pending, command] = [NONE_PENDING, null as unknown];
    for (const [key, at] of keys) ({ pending, command } = press(pending, key, at));
    expect(command).toEqual(expected);
  });
});

it.each([
  ["<input type='search'>", true],
  ["<input type='checkbox'>", false],
  ["<textarea></textarea>", true],
  ["<select></select>", true],
  ["<div contenteditable='true'></div>", true],
  ["<a href='/'>x</a>", false],
])("keys in %s are meant for it: %s", (html, expected) => {
  document.body.innerHTML = html;
  expect(isTaken(document.body.firstElementChild)).toBe(expected);
  document.body.innerHTML = "";
});

describe("useShortcuts", () => {
  const help = vi.fn();

  function Page() {
    useShortcuts(help);
    return (
      <main>
        <output>{useLocation().pathname}</output>
        <input data-search aria-label="search" />
        <a href="#1" data-row>
          one
        </a>
        <a href="#2" data-row>
          two
        </a>
      </main>
    );
  }

  function page() {
    Element.prototype.scrollIntoView = vi.fn();
    const shown = render(<Page />, { wrapper: MemoryRouter });
    return {
      ...shown,
      press: (key: string) => fireEvent.keyDown(document.activeElement ?? document, { key }),
    };
  }

  it("goes along the rows and stays within them", () => {
    const { press } = page();
    const at = () => document.activeElement?.textContent;
    press("j");
    expect(at()).toBe("one");
    press("j");
    press("j");
    expect(at()).toBe("two");
    press("k");
    expect(at()).toBe("one");
  });

  it("goes to the search, where keys are letters again", () => {
    const { press, getByLabelText, getByRole } = page();
    press("/");
    expect(document.activeElement).toBe(getByLabelText("search"));
    for (const key of ["?", "g", "e"]) press(key);
    expect([help.mock.calls.length, getByRole("status").textContent]).toEqual([0, "/"]);
  });

  it("goes to pages, but leaves the browser its own keys", () => {
    const { press, getByRole } = page();
    fireEvent.keyDown(document, { key: "g", ctrlKey: true });
    press("f");
    expect(getByRole("status").textContent).toBe("/");
    press("g");
    press("f");
    expect(getByRole("status").textContent).toBe("/functions");
  });
});
