import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useRef } from "react";

/**
 * Rows of which only those in sight are in the page. `label` names the list for a screen reader; `ended` is told when
 * the last row comes into sight, `seen` which rows are in sight. The row that is `opened` is as high as what is in
 * it, and `shown` is brought into sight, each object once.
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
  opened?: number | null;
  shown?: { index: number } | null;
}) {
  const parent = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count,
    getScrollElement: () => parent.current,
    estimateSize: () => rowHeight,
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
  // biome-ignore lint/correctness/useExhaustiveDependencies: as another row opens, the one before is closed
  useEffect(() => measure(), [measure, opened]);
  useEffect(() => {
    if (shown) scrollToIndex(shown.index, { align: "start" });
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
            data-index={item.index}
            ref={item.index === opened ? rows.measureElement : undefined}
            style={{
              height: item.index === opened ? undefined : item.size,
              transform: `translateY(${item.start}px)`,
            }}
          >
            {row(item.index)}
          </div>
        ))}
      </div>
    </div>
  );
}
