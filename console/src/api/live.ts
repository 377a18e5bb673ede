import { useEffect, useRef, useState } from "react";
import { ApiError, listen } from "./client";
import type { News } from "./types";

const AGAIN_MS = [500, 1000, 2000, 5000, 10000];

/** Whether the stream is there: `refused` where the server will not give one. */
export type Connection = "connecting" | "live" | "lost" | "refused";

/**
 * Hear of what becomes durable, of one execution or of all. After a gap `missed` is set: whoever shows something reads
 * it again.
 */
export function useLive(execution: string | null, tell: (news: News) => void): Connection {
  const [connection, setConnection] = useState<Connection>("connecting");
  const latest = useRef(tell);
  latest.current = tell;
  useEffect(() => {
    const aborted = new AbortController();
    void follow(execution, aborted.signal, setConnection, (news) => latest.current(news));
    return () => aborted.abort();
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
      if (failures > 0) tell({ changes: [], missed: true });
      show("live");
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
