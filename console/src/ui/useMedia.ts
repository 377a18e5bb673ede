import { useSyncExternalStore } from "react";

/** Whether a media query holds, for what a style sheet cannot say. */
export function useMedia(query: string): boolean {
  const subscribe = (changed: () => void) => {
    const list = window.matchMedia(query);
    list.addEventListener("change", changed);
    return () => list.removeEventListener("change", changed);
  };
  return useSyncExternalStore(subscribe, () => window.matchMedia(query).matches);
}

/** The width below which everything stands in one column. */
export const NARROW = "(max-width: 48rem)";
