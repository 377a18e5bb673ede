import { useQuery } from "@tanstack/react-query";
import { stepFunctions } from "../api/aws";
import { get } from "../api/client";

const AGAIN_MS = 5_000;

/** As many as AWS's calls list at once, and as AWS's quotas let a machine have. */
const PAGE_MAX = 1_000;

/** What the server says of one machine. What it refuses it refuses again, so nothing is tried twice. */
function useRead<Reply>(key: string, arn: string, read: (signal: AbortSignal) => Promise<Reply>) {
  return useQuery({
    queryKey: ["machine", arn, key],
    queryFn: ({ signal }) => read(signal),
    refetchInterval: AGAIN_MS,
    retry: false,
  });
}

export function useMachine(arn: string) {
  return useRead("describe", arn, async (abortSignal) => {
    const { sdk, client } = await stepFunctions();
    return client.send(new sdk.DescribeStateMachineCommand({ stateMachineArn: arn }), { abortSignal });
  });
}

/** How many executions of the machine there are by status. */
export function useCounts(arn: string) {
  return useRead("counts", arn, async (signal) => {
    const { machines } = await get("machines", {}, signal);
    return machines.find((machine) => machine.stateMachineArn === arn)?.counts ?? {};
  });
}

export function useLatestExecutions(arn: string) {
  return useRead("executions", arn, async (signal) => {
    const page = await get("executions", { stateMachine: arn, limit: 20 }, signal);
    return page.executions;
  });
}

export function useRevisions(arn: string) {
  return useRead("revisions", arn, async (signal) => {
    const page = await get("machine/revisions", { arn }, signal);
    return page.revisions;
  });
}

/** A revision never changes. */
export function useRevision(id: string) {
  return useQuery({
    queryKey: ["revision", id],
    queryFn: ({ signal }) => get("machine/revision", { id }, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function useVersions(arn: string) {
  return useRead("versions", arn, async (abortSignal) => {
    const { sdk, client } = await stepFunctions();
    const asked = new sdk.ListStateMachineVersionsCommand({ stateMachineArn: arn, maxResults: PAGE_MAX });
    return (await client.send(asked, { abortSignal })).stateMachineVersions ?? [];
  });
}

/** The machine's aliases with what each routes to, which AWS tells one by one. */
export function useAliases(arn: string) {
  return useRead("aliases", arn, async (abortSignal) => {
    const { sdk, client } = await stepFunctions();
    const asked = new sdk.ListStateMachineAliasesCommand({ stateMachineArn: arn, maxResults: PAGE_MAX });
    const { stateMachineAliases = [] } = await client.send(asked, { abortSignal });
    return Promise.all(
      stateMachineAliases.map(({ stateMachineAliasArn }) =>
        client.send(new sdk.DescribeStateMachineAliasCommand({ stateMachineAliasArn }), { abortSignal }),
      ),
    );
  });
}
