import { useEffect, useRef } from "react";
import { useNavigate } from "react-router";
import { isTaken, NONE_PENDING, press } from "./shortcuts";

/** Keyboard shortcuts, wherever nobody types. Rows of lists are links with `data-row`, the search is `data-search`. */
export function useShortcuts(help: () => void): void {
  const navigate = useNavigate();
  const latest = useRef({ navigate, help });
  latest.current = { navigate, help };
  useEffect(() => {
    let pending = NONE_PENDING;
    function pressed(event: KeyboardEvent) {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (event.key === "Shift" || isTaken(event.target) || document.querySelector("dialog[open]")) return;
      const { pending: kept, command } = press(pending, event.key, event.timeStamp);
      pending = kept;
      if (command === null) return;
      event.preventDefault();
      if (command === "search") document.querySelector<HTMLElement>("[data-search]")?.focus();
      else if (command === "help") latest.current.help();
      else if (command === "next") step(1);
      else if (command === "previous") step(-1);
      else void latest.current.navigate(command.go);
    }
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}

/** Move the focus along the rows; into a list at the first row in sight. */
function step(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("main [data-row]")];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = at === -1 ? rows.find(isInSight) : rows[at + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function isInSight(row: HTMLElement): boolean {
  const frame = row.closest(".virtual") ?? document.querySelector("main");
  return frame !== null && row.getBoundingClientRect().top >= frame.getBoundingClientRect().top;
}
