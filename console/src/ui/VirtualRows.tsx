import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useRef } from "react";

/**
 * Rows of which only those in sight are in the page. `label` names the list for a screen reader; `ended` is told when
 * the last row comes into sight, `seen` which rows are in sight. A row that is `opened` is as high as it says, and
 * `shown` is brought into sight.
 */
export function VirtualRows({
  count,
  rowHeight,
  height,
  label,
  row,
  ended,
  seen,
  opened,
  shown,
}: {
  count: number;
  rowHeight: number;
  height: string;
  label: string;
  row: (index: number) => ReactNode;
  ended?: () => void;
  seen?: (first: number, last: number) => void;
  opened?: { index: number; height: number } | null;
  shown?: number | null;
}) {
  const parent = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count,
    getScrollElement: () => parent.current,
    estimateSize: (index) => (opened?.index === index ? opened.height : rowHeight),
    overscan: 12,
    onChange: (virtual) => {
      const last = virtual.getVirtualItems().at(-1);
      if (last !== undefined && last.index >= count - 1) ended?.();
    },
  });
  const [first, last] = [rows.range?.startIndex ?? 0, rows.range?.endIndex ?? 0];
  const latest = useRef(seen);
  latest.current = seen;
  // biome-ignore lint/correctness/useExhaustiveDependencies: with more rows the same ones are to be told again
  useEffect(() => latest.current?.(first, last), [first, last, count]);
  const { measure, scrollToIndex } = rows;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the heights are estimated anew as another row opens
  useEffect(() => measure(), [measure, opened?.index]);
  useEffect(() => {
    if (shown !== undefined && shown !== null) scrollToIndex(shown, { align: "start" });
  }, [scrollToIndex, shown]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <div ref={parent} className="virtual" style={{ height }} role="list" aria-label={label} tabIndex={0}>
      <div className="virtual-inner" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((item) => (
          <div
            key={item.key}
            role="listitem"
            aria-setsize={count}
            aria-posinset={item.index + 1}
            className="virtual-row"
            style={{ height: item.size, transform: `translateY(${item.start}px)` }}
          >
            {row(item.index)}
          </div>
        ))}
      </div>
    </div>
  );
}
