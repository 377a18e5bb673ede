import { EventSourceParserStream } from "eventsource-parser/stream";
import { REGION, readCredentials } from "./credentials";
import type { News, Replies } from "./types";

/** What the server refused, in the shape of AWS's errors. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = code;
  }

  /** Whether signing in, perhaps with another key, can help. */
  get asksForKey(): boolean {
    return /MissingAuthenticationToken|UnrecognizedClient|InvalidSignature|ExpiredToken|IncompleteSignature/.test(
      this.code,
    );
  }
}

/** The paths of the console's JSON and what they reply; the server's types of these names are in `types.ts`. */
interface Paths {
  endpoint: Reply<"Endpoint">;
  machines: Reply<"Machines">;
  "machine/revisions": Reply<"Revisions">;
  "machine/revision": Reply<"RevisionDetail">;
  executions: Reply<"ExecutionPage">;
  execution: Reply<"StoryPage">;
  "execution/events": Reply<"EventPage">;
  "execution/step": Reply<"StepDetail">;
  "execution/moment": Reply<"Moment">;
  "cost/execution": Reply<"ExecutionCost">;
  "cost/machine": Reply<"MachineCosts">;
  "cost/day": Reply<"MachineCosts">;
  functions: Reply<"Functions">;
  "functions/invocations": Reply<"InvocationPage">;
  reports: Reply<"Reports">;
  "reports/one": Reply<"ReportText">;
}

type Reply<Name extends keyof Replies> = NonNullable<Replies[Name]>;

export type Query = Record<string, string | number | string[] | null | undefined>;

/** Ask the server. Raises `ApiError`. */
export async function get<Path extends keyof Paths>(
  path: Path,
  query: Query = {},
  signal?: AbortSignal,
): Promise<Paths[Path]> {
  const response = await send(path, query, signal);
  return (await response.json()) as Paths[Path];
}

/** What becomes durable from here on. It ends with the connection or the signal. Raises `ApiError`. */
export async function listen(execution: string | null, signal: AbortSignal): Promise<AsyncGenerator<News>> {
  const response = await send("live", { arn: execution }, signal);
  const texts = response.body?.pipeThrough(
    new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>,
  );
  return messages(texts ?? new ReadableStream<string>());
}

async function* messages(texts: ReadableStream<string>): AsyncGenerator<News> {
  const reader = texts.pipeThrough(new EventSourceParserStream()).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      yield JSON.parse(next.value.data) as News;
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

async function send(path: string, query: Query, signal?: AbortSignal): Promise<Response> {
  const url = new URL(`/console/api/${path}`, window.location.origin);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, String(value));
  }
  const response = await fetch(url, { headers: await signed(url), signal });
  if (response.ok) return response;
  throw await refusal(response);
}

async function refusal(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => ({}))) as { __type?: string; message?: string };
  const code = body.__type ?? response.headers.get("x-amzn-errortype") ?? `HTTP ${response.status}`;
  return new ApiError(response.status, code, body.message ?? response.statusText);
}

/** The headers that sign a GET, where this tab has a key. */
async function signed(url: URL): Promise<Record<string, string>> {
  const credentials = readCredentials();
  if (credentials === null) return {};
  const [{ SignatureV4 }, { Sha256 }] = await Promise.all([
    import("@smithy/signature-v4"),
    import("@aws-crypto/sha256-js"),
  ]);
  const signer = new SignatureV4({ service: "states", region: REGION, credentials, sha256: Sha256 });
  const { headers } = await signer.sign({
    method: "GET",
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { host: url.host },
  });
  const { host: _, ...rest } = headers;
  return rest;
}
