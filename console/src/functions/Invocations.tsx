import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { get } from "../api/client";
import type { InvocationItem } from "../api/types";
import { Failure } from "../ui/Failure";
import { Scrolled } from "../ui/Scrolled";
import { Time } from "../ui/Time";
import { InvocationLog } from "./InvocationLog";
import { InvocationStrip } from "./InvocationStrip";
import { milliseconds } from "./invocations";

const PAGES_MAX = 20;

/** A function's invocations, the latest first: their durations over time, and each with its log. */
export function Invocations({ name }: { name: string }) {
  const pages = useInfiniteQuery({
    queryKey: ["functions/invocations", name],
    queryFn: ({ signal, pageParam }) => get("functions/invocations", { name, before: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page, all) => (all.length < PAGES_MAX ? page.before : null),
  });
  const invocations = useMemo(
    () => pages.data?.pages.flatMap((page) => page.invocations) ?? [],
    [pages.data],
  );
  const group = pages.data?.pages[0]?.logGroup ?? "";
  return (
    <div className="stack">
      {pages.error !== null && <Failure error={pages.error} />}
      {pages.data && invocations.length === 0 && <p className="empty">It has not been invoked yet.</p>}
      {invocations.length > 0 && (
        <>
          <InvocationStrip invocations={invocations} />
          <div className="row">
            <button type="button" className="button" onClick={() => void pages.refetch()}>
              Read again
            </button>
          </div>
          <Scrolled label="Invocations">
            <Table invocations={invocations} group={group} />
          </Scrolled>
        </>
      )}
      {pages.hasNextPage && (
        <button
          type="button"
          className="button"
          disabled={pages.isFetchingNextPage}
          onClick={() => void pages.fetchNextPage()}
        >
          {pages.isFetchingNextPage ? "Reading …" : "Earlier invocations"}
        </button>
      )}
    </div>
  );
}

function Table({ invocations, group }: { invocations: InvocationItem[]; group: string }) {
  const [open, setOpen] = useState<string | null>(null);
  return (
    <table className="plain invocations">
      <thead>
        <tr>
          <th scope="col">Ended</th>
          <th scope="col">Outcome</th>
          <th scope="col" className="number">
            Duration
          </th>
          <th scope="col" className="number">
            Cold start
          </th>
          <th scope="col" className="number">
            Billed
          </th>
          <th scope="col" className="number">
            Memory
          </th>
          <th scope="col">Request id</th>
        </tr>
      </thead>
      <tbody>
        {invocations.map((invocation) => {
          // An asynchronous invocation that is tried again keeps its request id.
          const key = `${invocation.requestId} ${invocation.at}`;
          return (
            <Row
              key={key}
              invocation={invocation}
              group={group}
              open={open === key}
              toggle={() => setOpen(open === key ? null : key)}
            />
          );
        })}
      </tbody>
    </table>
  );
}

function Row({
  invocation,
  group,
  open,
  toggle,
}: {
  invocation: InvocationItem;
  group: string;
  open: boolean;
  toggle: () => void;
}) {
  return (
    <>
      <tr>
        <td>
          <Time at={invocation.at} />
        </td>
        <td className="outcome">
          {invocation.error === "" ? (
            <span className="returned">✓ Returned</span>
          ) : (
            <span className="failed-count">✕ {invocation.error}</span>
          )}
        </td>
        <td className="number">{milliseconds(invocation.durationMs)}</td>
        <td className="number">{milliseconds(invocation.initMs)}</td>
        <td className="number">{milliseconds(invocation.billedMs)}</td>
        <td className="number">
          {invocation.usedMb ?? "–"} of {invocation.memoryMb} MB
        </td>
        <td>
          <button type="button" className="button quiet small mono" aria-expanded={open} onClick={toggle}>
            {open ? "▾" : "▸"} {invocation.requestId}
          </button>
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={7}>
            <InvocationLog invocation={invocation} group={group} />
          </td>
        </tr>
      )}
    </>
  );
}
