import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useSearchParams } from "react-router";

/** What is looked at: it stands in the address, so that a link shows the same. */
export interface Look {
  /** The view of the execution, and that of the step. */
  tab: string;
  view: string;
  step: number | null;
  /** A state that was chosen although nothing has visited it. */
  state: string | null;
  /** The event after which the execution is shown; null: now. */
  at: number | null;
}

export type ChangeLook = (changed: Partial<Look>) => void;

export function useLook(): [Look, ChangeLook] {
  const [search, setSearch] = useSearchParams();
  const look = useMemo(
    () => ({
      tab: search.get("tab") ?? "timeline",
      view: search.get("view") ?? "overview",
      step: id(search.get("step")),
      state: search.get("state"),
      at: id(search.get("at")),
    }),
    [search],
  );
  const change = useCallback<ChangeLook>(
    (changed) =>
      setSearch(
        (before) => {
          const after = new URLSearchParams(before);
          for (const [name, value] of Object.entries(changed)) {
            if (value === null) after.delete(name);
            else after.set(name, String(value));
          }
          return after;
        },
        { replace: true, preventScrollReset: true },
      ),
    [setSearch],
  );
  return [look, change];
}

function id(text: string | null): number | null {
  const value = Number(text);
  return text !== null && Number.isInteger(value) && value >= 1 ? value : null;
}

const SETTLED_MS = 150;

/** The event that is looked at, at once; the address follows when the slider has come to rest. */
export function useAt(look: Look, change: ChangeLook): [number | null, (at: number | null) => void] {
  const [at, setAt] = useState(look.at);
  const written = useRef(look.at);
  useEffect(() => {
    if (look.at === written.current) return;
    written.current = look.at;
    setAt(look.at);
  }, [look.at]);
  useEffect(() => {
    if (at === written.current) return;
    const timer = setTimeout(() => {
      written.current = at;
      change({ at });
    }, SETTLED_MS);
    return () => clearTimeout(timer);
  }, [at, change]);
  return [at, setAt];
}
