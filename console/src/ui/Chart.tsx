import { useEffect, useRef, useSyncExternalStore } from "react";
import type uPlot from "uplot";
import type { Draw } from "./uplot";

/**
 * A chart, drawn anew when the theme changes. `label` says what it shows, for who does not see it; what it says in
 * detail stands in a table beside it. `make` and `data` are to stay the same objects while nothing changes.
 */
export function Chart({
  label,
  make,
  data,
  height = 240,
}: {
  label: string;
  make: Draw;
  data: uPlot.AlignedData;
  height?: number;
}) {
  const element = useRef<HTMLDivElement>(null);
  const theme = useSyncExternalStore(onTheme, shownTheme);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme has other colours
  useEffect(() => {
    const parent = element.current;
    if (parent === null) return;
    let chart: uPlot | null = null;
    let gone = false;
    const resized = new ResizeObserver(() => chart?.setSize({ width: parent.clientWidth, height }));
    void import("./uplot").then(({ draw }) => {
      if (gone) return;
      chart = draw(parent, make, data, height);
      resized.observe(parent);
    });
    return () => {
      gone = true;
      resized.disconnect();
      chart?.destroy();
    };
  }, [make, data, height, theme]);
  return <div ref={element} className="chart" role="img" aria-label={label} style={{ minHeight: height }} />;
}

const dark = () => window.matchMedia("(prefers-color-scheme: dark)");

function shownTheme(): string {
  return document.documentElement.dataset.theme ?? String(dark().matches);
}

function onTheme(changed: () => void): () => void {
  const query = dark();
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  query.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    query.removeEventListener("change", changed);
  };
}
