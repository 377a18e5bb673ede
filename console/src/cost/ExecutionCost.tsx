import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import { Failure } from "../ui/Failure";
import { Bill } from "./Bill";

const AGAIN_MS = 5_000;

/** What one execution would cost on AWS. While it runs: up to now. */
export default function ExecutionCost({ arn, status }: { arn: string; status: string }) {
  const running = status === "RUNNING";
  const found = useQuery({
    queryKey: ["cost/execution", arn, status],
    queryFn: ({ signal }) => get("cost/execution", { arn }, signal),
    refetchInterval: running ? AGAIN_MS : false,
    placeholderData: keepPreviousData,
  });
  if (found.error !== null) return <Failure error={found.error} />;
  if (found.data === undefined) return <p className="empty">Counting …</p>;
  return (
    <section className="stack" aria-label="Cost of the execution">
      <p className="quiet-text">
        What this execution would cost on AWS{running && ", up to now: it is still running"}.
      </p>
      <Bill
        cost={found.data.cost}
        type={arn.includes(":express:") ? "EXPRESS" : "STANDARD"}
        prices={found.data.prices}
      />
    </section>
  );
}
