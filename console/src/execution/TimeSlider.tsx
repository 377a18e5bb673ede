import { useEffect, useRef, useState } from "react";

const TICK_MS = 100;
/** From the first event to the last it takes no longer than that, however many there are. */
const WHOLE_MS = 15_000;

/** The execution after any of its events. `at` null is now. */
export function TimeSlider({
  last,
  at,
  go,
}: {
  last: number;
  at: number | null;
  go: (at: number | null) => void;
}) {
  const shown = Math.min(at ?? last, last);
  const [playing, play] = usePlaying(last, shown, go);
  return (
    <div className="slider" role="group" aria-label="Time">
      {playing !== null && (
        <button type="button" className="button quiet" onClick={() => play(!playing)}>
          <span aria-hidden="true">{playing ? "❚❚" : "▶"}</span> {playing ? "Pause" : "Play"}
        </button>
      )}
      <input
        type="range"
        min={1}
        max={Math.max(1, last)}
        value={shown}
        aria-label="Event"
        aria-valuetext={at === null ? `Now, event ${shown} of ${last}` : `Event ${shown} of ${last}`}
        onChange={(event) => {
          play(false);
          go(Number(event.target.value));
        }}
      />
      <output className="small">{at === null ? `Now · ${last} events` : `Event ${shown} of ${last}`}</output>
      <button
        type="button"
        className="button"
        disabled={at === null}
        onClick={() => {
          play(false);
          go(null);
        }}
      >
        Now
      </button>
    </div>
  );
}

/** Whether it plays, null where the system asks for less motion; and how to start and end that. */
function usePlaying(last: number, shown: number, go: (at: number) => void) {
  const [still] = useState(() => window.matchMedia("(prefers-reduced-motion: reduce)").matches);
  const [playing, setPlaying] = useState(false);
  const latest = useRef({ last, shown, go });
  latest.current = { last, shown, go };
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(() => {
      const now = latest.current;
      if (now.shown >= now.last) setPlaying(false);
      else now.go(Math.min(now.last, now.shown + Math.ceil((now.last * TICK_MS) / WHOLE_MS)));
    }, TICK_MS);
    return () => clearInterval(timer);
  }, [playing]);
  function play(wanted: boolean) {
    if (wanted && shown >= last) go(1);
    setPlaying(wanted);
  }
  return [still ? null : playing, play] as const;
}
