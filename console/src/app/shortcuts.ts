import { to } from "./links";

/** What a shortcut asks for. */
export type Command = { go: string } | "search" | "help" | "next" | "previous";

export interface Shortcut {
  keys: string[];
  name: string;
  command: Command;
}

export const SHORTCUTS: Shortcut[] = [
  { keys: ["/"], name: "Search", command: "search" },
  { keys: ["g", "m"], name: "Go to state machines", command: { go: to.machines() } },
  { keys: ["g", "e"], name: "Go to executions", command: { go: to.executions() } },
  { keys: ["g", "f"], name: "Go to functions", command: { go: to.functions() } },
  { keys: ["g", "c"], name: "Go to cost", command: { go: to.cost() } },
  { keys: ["g", "b"], name: "Go to benchmarks", command: { go: to.benchmarks() } },
  { keys: ["j"], name: "Next row of a list; Enter opens it", command: "next" },
  { keys: ["k"], name: "Previous row", command: "previous" },
  { keys: ["?"], name: "Show these shortcuts", command: "help" },
];

/** The second key of a shortcut is waited for so long. */
export const PAUSE_MS = 1_000;

/** Keys that may become a shortcut, and when the last of them was pressed. */
export interface Pending {
  keys: string[];
  at: number;
}

export const NONE_PENDING: Pending = { keys: [], at: 0 };

/** What a key comes to, after the ones before it. `at` is in milliseconds. */
export function press(
  before: Pending,
  key: string,
  at: number,
): { pending: Pending; command: Command | null } {
  const earlier = at - before.at <= PAUSE_MS ? before.keys : [];
  for (const keys of [[...earlier, key], [key]]) {
    const begun = SHORTCUTS.filter((shortcut) => keys.every((one, index) => shortcut.keys[index] === one));
    const whole = begun.find((shortcut) => shortcut.keys.length === keys.length);
    if (whole !== undefined) return { pending: NONE_PENDING, command: whole.command };
    if (begun.length > 0) return { pending: { keys, at }, command: null };
  }
  return { pending: NONE_PENDING, command: null };
}

const NO_TEXT = new Set(["checkbox", "radio", "button", "submit", "reset", "range", "color", "file"]);

/** Whether keys that are pressed there are meant for what is there: a field, an editor, a dialog. */
export function isTaken(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  if (target instanceof HTMLInputElement) return !NO_TEXT.has(target.type);
  return target.closest("textarea, select, dialog, .cm-editor, [contenteditable]") !== null;
}
