import { useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import { Failure } from "../ui/Failure";
import { milliseconds } from "./invocations";

/** What a function's last day comes to. */
export function Figures({ name }: { name: string }) {
  const found = useQuery({
    queryKey: ["functions", name],
    queryFn: ({ signal }) => get("functions", { name, hours: 24 }, signal),
  });
  const item = found.data?.functions[0];
  if (found.error !== null) return <Failure error={found.error} />;
  if (item === undefined) return null;
  const figures: [string, string][] = [
    ["Invocations, 24 h", `${item.cut ? "≥ " : ""}${item.invocations.toLocaleString("en-US")}`],
    ["Errors", item.errors.toLocaleString("en-US")],
    ["Cold starts", item.coldStarts.toLocaleString("en-US")],
    ["p50", milliseconds(item.p50Ms)],
    ["p95", milliseconds(item.p95Ms)],
    ["Longest", milliseconds(item.maxMs)],
    ["Memory used", item.maxMemoryMb === null ? "–" : `${item.maxMemoryMb} of ${item.memoryMb} MB`],
  ];
  return (
    <dl className="figures">
      {figures.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
