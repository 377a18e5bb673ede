import { useEffect, useRef, useState } from "react";
import { ApiError, listen } from "./client";
import type { News } from "./types";

const AGAIN_MS = [500, 1000, 2000, 5000, 10000];

/** Whether the stream is there: `refused` where the server will not give one. */
export type Connection = "connecting" | "live" | "lost" | "refused";

/**
 * Hear of what becomes durable, of one execution or of all. Each time that the stream begins, `missed` is set: what was
 * read before it did may be old. A page that is out of sight has none, for a browser grants only six to a server.
 */
export function useLive(execution: string | null, tell: (news: News) => void): Connection {
  const [connection, setConnection] = useState<Connection>("connecting");
  const latest = useRef(tell);
  latest.current = tell;
  useEffect(() => {
    let aborted = new AbortController();
    const change = () => {
      aborted.abort();
      if (document.hidden) return;
      aborted = new AbortController();
      void follow(execution, aborted.signal, setConnection, (news) => latest.current(news));
    };
    change();
    document.addEventListener("visibilitychange", change);
    return () => {
      document.removeEventListener("visibilitychange", change);
      aborted.abort();
    };
  }, [execution]);
  return connection;
}

async function follow(
  execution: string | null,
  signal: AbortSignal,
  show: (connection: Connection) => void,
  tell: (news: News) => void,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      const stream = await listen(execution, signal);
      show("live");
      tell({ changes: [], missed: true });
      for await (const news of stream) {
        failures = 0;
        tell(news);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status !== 503) {
        show("refused");
        return;
      }
    }
    if (signal.aborted) return;
    show("lost");
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)]));
  }
}
