import { useEffect, useState } from "react";
import { briefClock, clock, duration, exact } from "./time";

/** A moment, with its exact time as the title. */
export function Time({ at, brief = false }: { at: number; brief?: boolean }) {
  return (
    <time dateTime={exact(at)} title={exact(at)}>
      {brief ? briefClock(at) : clock(at)}
    </time>
  );
}

/** How long something took, or has taken up to now. */
export function Lasted({ from, to }: { from: number; to: number | null }) {
  const now = useNow(to === null);
  return <span>{duration((to ?? now) - from)}</span>;
}

/** The time in epoch seconds, anew each second while it is wanted. */
export function useNow(wanted: boolean): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    if (!wanted) return;
    const timer = setInterval(() => setNow(Date.now() / 1000), 1000);
    return () => clearInterval(timer);
  }, [wanted]);
  return now;
}
