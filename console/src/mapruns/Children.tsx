import type { ExecutionListItem, ExecutionStatus, IncludedData } from "@aws-sdk/client-sfn";
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { stepFunctions } from "../api/aws";
import { to } from "../app/links";
import { Failure } from "../ui/Failure";
import { Json } from "../ui/Json";
import { pretty } from "../ui/json";
import { Note, Status } from "../ui/Status";
import { Lasted } from "../ui/Time";
import { parts } from "./progress";
import type { MapRun } from "./useMapRun";

const PAGE = 100;
const AGAIN_MS = 3_000;

/** The child executions of a Map Run, by their status: first of all those that failed. */
export function Children({ arn, run }: { arn: string; run: MapRun }) {
  // A child that waits for its turn is no execution yet.
  const counts = parts(run.executionCounts ?? {}).filter(({ status }) => status !== "PENDING");
  const [wanted, setWanted] = useState<string | null>(null);
  const status = wanted ?? (counts.find((part) => part.status === "FAILED") ?? counts[0])?.status;
  return (
    <section className="stack" aria-label="Child executions">
      <h2>Child executions</h2>
      {counts.length === 0 && <p className="quiet-text">None has been started yet.</p>}
      <fieldset className="map-run-counts">
        <legend className="sr-only">Status</legend>
        {counts.map((part) => (
          <button
            key={part.status}
            type="button"
            className="button"
            aria-pressed={part.status === status}
            onClick={() => setWanted(part.status)}
          >
            <Status status={part.status} /> {part.count.toLocaleString()}
          </button>
        ))}
      </fieldset>
      {status !== undefined && (
        <List
          key={status}
          arn={arn}
          status={status as ExecutionStatus}
          isRunning={run.status === "RUNNING"}
        />
      )}
    </section>
  );
}

function List({ arn, status, isRunning }: { arn: string; status: ExecutionStatus; isRunning: boolean }) {
  const children = useInfiniteQuery({
    queryKey: ["map-run-children", arn, status, isRunning],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => {
      const { sdk, client } = await stepFunctions();
      const command = new sdk.ListExecutionsCommand({
        mapRunArn: arn,
        statusFilter: status,
        maxResults: PAGE,
        nextToken: pageParam,
      });
      return client.send(command, { abortSignal: signal });
    },
    getNextPageParam: (page) => page.nextToken,
    placeholderData: keepPreviousData,
    // Once somebody has asked for more, what is read stays where it is.
    refetchInterval: ({ state }) => (isRunning && state.data?.pages.length === 1 ? AGAIN_MS : false),
  });
  const found = children.data?.pages.flatMap((page) => page.executions ?? []) ?? [];
  return (
    <>
      {children.error !== null && <Failure error={children.error} />}
      <ul className="children">
        {found.map((child) => (
          <li key={child.executionArn}>
            <Child child={child} />
          </li>
        ))}
      </ul>
      {children.hasNextPage && (
        <button
          type="button"
          className="button"
          disabled={children.isFetchingNextPage}
          onClick={() => void children.fetchNextPage()}
        >
          Show {PAGE} more
        </button>
      )}
    </>
  );
}

function Child({ child }: { child: ExecutionListItem }) {
  const [open, setOpen] = useState(false);
  const started = (child.startDate?.getTime() ?? 0) / 1000;
  const stopped = child.stopDate === undefined ? null : child.stopDate.getTime() / 1000;
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary data-row>
        <span className="child-name">{child.name}</span>
        {child.status === "FAILED" && <Why child={child} />}
        {child.itemCount !== undefined && (
          <span className="quiet-text small">{child.itemCount.toLocaleString()} items</span>
        )}
        <span className="quiet-text small">
          <Lasted from={started} to={stopped} />
        </span>
        {(child.redriveCount ?? 0) > 0 && (
          <span className="quiet-text small">redriven {child.redriveCount}×</span>
        )}
      </summary>
      {open && <Details child={child} />}
    </details>
  );
}

/** What a listing does not tell of a child. It is read anew when the child has ended once more. */
function useChild({ executionArn, stopDate }: ExecutionListItem, includedData: IncludedData) {
  return useQuery({
    queryKey: ["map-run-child", executionArn, stopDate?.getTime(), includedData],
    queryFn: async ({ signal }) => {
      const { sdk, client } = await stepFunctions();
      const command = new sdk.DescribeExecutionCommand({ executionArn, includedData });
      return client.send(command, { abortSignal: signal });
    },
    staleTime: stopDate === undefined ? 0 : Number.POSITIVE_INFINITY,
  });
}

function Why({ child }: { child: ExecutionListItem }) {
  const { error, cause } = useChild(child, "METADATA_ONLY").data ?? {};
  const said = [error, cause].filter((text) => text !== undefined).join(": ");
  return (
    <span className="child-why small" title={said}>
      {said}
    </span>
  );
}

/** What the child was given and what came of it, read when somebody looks. */
function Details({ child }: { child: ExecutionListItem }) {
  const read = useChild(child, "ALL_DATA");
  if (read.error !== null) return <Failure error={read.error} />;
  if (read.data === undefined) return <p className="quiet-text">Loading …</p>;
  const { error, cause, input, output } = read.data;
  return (
    <div className="stack child-details">
      {error !== undefined && (
        <Note kind="failed">
          <strong>{error}</strong> {cause}
        </Note>
      )}
      {input !== undefined && <Document name="Input" text={input} />}
      {output !== undefined && <Document name="Output" text={output} />}
      <Link to={to.execution(child.executionArn ?? "")}>Open this child execution</Link>
    </div>
  );
}

function Document({ name, text }: { name: string; text: string }) {
  return (
    <>
      <h3>{name}</h3>
      <Json text={pretty(text)} label={name} />
    </>
  );
}
