import { useQuery } from "@tanstack/react-query";
import { logs } from "../api/aws";
import type { InvocationItem } from "../api/types";
import { Copy } from "../ui/Copy";
import { Failure } from "../ui/Failure";
import { linesOf, logSpan } from "./invocations";

const PAGES_MAX = 5;

/** What one invocation has logged, read with FilterLogEvents. */
export function InvocationLog({ invocation, group }: { invocation: InvocationItem; group: string }) {
  const found = useQuery({
    queryKey: ["log", group, invocation.requestId, invocation.at],
    queryFn: ({ signal }) => read(invocation, group, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (found.error !== null) return <Failure error={found.error} />;
  if (found.data === undefined) return <p className="quiet-text">Reading the log …</p>;
  const text = found.data.lines.map((line) => line.text).join("\n");
  return (
    <div className="stack">
      <div className="row small quiet-text">
        <span>
          {group} · {invocation.stream}
        </span>
        <Copy text={text} label="Copy the log" />
      </div>
      {found.data.shared && (
        <p className="small quiet-text">
          Other invocations wrote to this stream at the same time: some lines may be theirs.
        </p>
      )}
      <LogText text={text} />
    </div>
  );
}

async function read(invocation: InvocationItem, group: string, signal: AbortSignal) {
  const { sdk, client } = await logs();
  const lines = [];
  let nextToken: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const reply = await client.send(
      new sdk.FilterLogEventsCommand({
        logGroupName: group,
        logStreamNames: [invocation.stream],
        ...logSpan(invocation),
        nextToken,
      }),
      { abortSignal: signal },
    );
    for (const event of reply.events ?? []) {
      lines.push({ at: (event.timestamp ?? 0) / 1000, text: event.message ?? "" });
    }
    nextToken = reply.nextToken;
    if (nextToken === undefined) break;
  }
  return linesOf(lines, invocation.requestId);
}

/** A log as it stands. */
export function LogText({ text }: { text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <pre className="log" tabIndex={0} role="region" aria-label="Log">
      {text}
    </pre>
  );
}
