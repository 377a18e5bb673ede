import type { Bucket } from "../api/types";

const WIDTH = 120;
const HEIGHT = 28;

/** Executions started over time, a bar each: what succeeded below, what did not above it. */
export function Sparkline({
  buckets,
  label,
  title,
}: {
  buckets: Bucket[];
  label: string;
  /** What a bar says when one points at it. */
  title?: (bucket: Bucket, index: number) => string;
}) {
  const most = Math.max(1, ...buckets.map((bucket) => bucket.succeeded + bucket.unsuccessful + bucket.open));
  const width = WIDTH / Math.max(1, buckets.length);
  return (
    <svg
      className="sparkline"
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={label}
    >
      {buckets.map((bucket, index) => {
        const parts: [number, string][] = [
          [bucket.succeeded, "var(--succeeded)"],
          [bucket.open, "var(--running)"],
          [bucket.unsuccessful, "var(--failed)"],
        ];
        let top = HEIGHT;
        return parts.map(([count, colour]) => {
          const height = (count / most) * HEIGHT;
          top -= height;
          const x = index * width + 0.5;
          return (
            count > 0 && (
              <rect
                key={colour + String(index)}
                x={x}
                y={top}
                width={width - 1}
                height={height}
                fill={colour}
              />
            )
          );
        });
      })}
      {title !== undefined &&
        buckets.map((bucket, index) => (
          <rect
            // biome-ignore lint/suspicious/noArrayIndexKey: a bucket is nothing but its place
            key={index}
            x={index * width}
            y="0"
            width={width}
            height={HEIGHT}
            fill="transparent"
          >
            <title>{title(bucket, index)}</title>
          </rect>
        ))}
      <line x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} stroke="var(--line)" />
    </svg>
  );
}
