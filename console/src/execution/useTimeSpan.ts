import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import { pan, type Span, zoom } from "./timeline";

const STEP = 1.5;

/** The stretch of time that a timeline shows: all of it, also as it grows, until somebody zooms in. */
export interface TimeSpan {
  span: Span;
  zoomed: boolean;
  /** Zoom by a factor: below 1 comes closer. `share` is where in the span, from 0 to 1, time keeps its place. */
  zoom: (factor: number, share?: number) => void;
  closer: () => void;
  farther: () => void;
  /** Move by a share of the span. */
  pan: (share: number) => void;
  fit: () => void;
}

export function useTimeSpan(limits: Span): TimeSpan {
  const [chosen, choose] = useState<Span | null>(null);
  const known = useRef(limits);
  known.current = limits;
  const byFactor = useCallback((factor: number, share = 0.5) => {
    choose((before) => {
      const span = before ?? known.current;
      return zoom(span, factor, span.from + (span.to - span.from) * share, known.current);
    });
  }, []);
  const byShare = useCallback((share: number) => {
    choose((before) => before && pan(before, (before.to - before.from) * share, known.current));
  }, []);
  return {
    span: chosen ?? limits,
    zoomed: chosen !== null,
    zoom: byFactor,
    closer: () => byFactor(1 / STEP),
    farther: () => byFactor(STEP),
    pan: byShare,
    fit: () => choose(null),
  };
}

/**
 * The wheel over the tracks: with Ctrl (as a pinch has it too) it zooms about the pointer, sideways or with Shift it
 * pans. Alone it scrolls, as everywhere.
 */
export function useWheel(
  area: RefObject<HTMLElement | null>,
  track: RefObject<HTMLElement | null>,
  { zoom, pan }: Pick<TimeSpan, "zoom" | "pan">,
): void {
  useEffect(() => {
    const element = area.current;
    function turned(event: WheelEvent) {
      const box = track.current?.getBoundingClientRect();
      if (box === undefined || box.width === 0) return;
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (event.ctrlKey) zoom(Math.exp(event.deltaY / 300), clamp((event.clientX - box.left) / box.width));
      else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) pan(sideways / box.width);
      else return;
      event.preventDefault();
    }
    // React's own wheel listeners are passive: they cannot keep the page from zooming.
    element?.addEventListener("wheel", turned, { passive: false });
    return () => element?.removeEventListener("wheel", turned);
  }, [area, track, zoom, pan]);
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
