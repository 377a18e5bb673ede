import { type FocusEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { readCredentials } from "../../api/credentials";
import type { Story } from "../story";
import { type Command, commandsOf } from "./commands";
import "./copy.css";

const WIDTH_PIXELS = 272;
const TOLD_MS = 2_500;

/** A menu of commands that start this execution again or ask for it; the chosen one is copied. */
export default function CopyAs({ arn, story }: { arn: string; story: Story }) {
  const [open, setOpen] = useState(false);
  const [told, setTold] = useState("");
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  useEffect(() => {
    if (told === "") return;
    const timer = setTimeout(() => setTold(""), TOLD_MS);
    return () => clearTimeout(timer);
  }, [told]);

  function close() {
    setOpen(false);
    button.current?.focus();
  }
  async function copy(command: Command) {
    if (command.text === null) return;
    close();
    setTold(await written(command.text));
  }
  return (
    <div className="copy-as">
      <button
        ref={button}
        type="button"
        className="button"
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        Copy as <span aria-hidden="true">▾</span>
      </button>
      <span className={told === "" ? "sr-only" : "copy-told small"} role="status">
        {told}
      </span>
      {open && (
        <Menu
          id={id}
          at={button.current}
          commands={commandsOf(arn, story.page, window.location.origin, readCredentials() !== null)}
          choose={(command) => void copy(command)}
          close={close}
          leave={() => setOpen(false)}
        />
      )}
    </div>
  );
}

/** Puts the text where it is pasted from, and says so. Browsers allow it to pages that came safely alone. */
async function written(text: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    return "The browser did not allow it: open the console by HTTPS or at localhost";
  }
}

function Menu({
  id,
  at,
  commands,
  choose,
  close,
  leave,
}: {
  id: string;
  at: HTMLElement | null;
  commands: Command[];
  choose: (command: Command) => void;
  close: () => void;
  leave: () => void;
}) {
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => menu.current?.querySelector("button")?.focus(), []);

  function move(event: KeyboardEvent) {
    const items = [...(menu.current?.querySelectorAll("button") ?? [])];
    const current = items.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Escape") close();
    else if (to !== undefined) items.at(to % items.length)?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  function blur(event: FocusEvent) {
    const next = event.relatedTarget;
    // The button closes the menu itself.
    if (next !== at && !menu.current?.contains(next)) leave();
  }
  return (
    <div
      ref={menu}
      id={id}
      className="copy-menu"
      style={placeBelow(at)}
      role="menu"
      aria-label="Copy as"
      tabIndex={-1}
      onKeyDown={move}
      onBlur={blur}
    >
      {commands.map((command) => (
        <button
          key={command.label}
          type="button"
          role="menuitem"
          tabIndex={-1}
          aria-disabled={command.text === null}
          onClick={() => choose(command)}
        >
          {command.label}
          {command.reason !== undefined && <span className="quiet-text small">{command.reason}</span>}
        </button>
      ))}
    </div>
  );
}

/** Below the button, and within the window. */
function placeBelow(button: HTMLElement | null) {
  const box = button?.getBoundingClientRect();
  const left = Math.max(8, Math.min(box?.left ?? 8, window.innerWidth - WIDTH_PIXELS - 8));
  return { insetInlineStart: left, top: (box?.bottom ?? 0) + 4, width: WIDTH_PIXELS };
}
