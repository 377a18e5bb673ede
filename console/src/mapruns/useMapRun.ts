import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { stepFunctions } from "../api/aws";
import { type Sample, sampled, settled } from "./progress";

const AGAIN_MS = 1_000;

/** What DescribeMapRun tells, again each second while the Map Run is under way. */
export function useMapRun(mapRunArn: string) {
  return useQuery({
    queryKey: ["map-run", mapRunArn],
    queryFn: async ({ signal }) => {
      const { sdk, client } = await stepFunctions();
      return client.send(new sdk.DescribeMapRunCommand({ mapRunArn }), { abortSignal: signal });
    },
    // One that has ended begins again when its execution is redriven.
    refetchInterval: ({ state }) => (state.data?.status === "RUNNING" ? AGAIN_MS : 5 * AGAIN_MS),
  });
}

export type MapRun = NonNullable<ReturnType<typeof useMapRun>["data"]>;

/** How many items were settled at the latest refreshes. */
export function useSamples(run: MapRun, at: number): Sample[] {
  const [samples, setSamples] = useState<Sample[]>([]);
  const count = settled(run.itemCounts ?? {});
  useEffect(() => setSamples((before) => sampled(before, { at: at / 1000, settled: count })), [at, count]);
  return samples;
}

/** The execution that the Map Run is a part of. */
export function useParent(executionArn: string | undefined, status: string | undefined) {
  return useQuery({
    queryKey: ["map-run-parent", executionArn, status],
    enabled: executionArn !== undefined,
    queryFn: async () => {
      const { sdk, client } = await stepFunctions();
      return client.send(new sdk.DescribeExecutionCommand({ executionArn, includedData: "METADATA_ONLY" }));
    },
    refetchInterval: 5 * AGAIN_MS,
  });
}
