import { useCallback, useEffect, useRef, useState } from "react";
import { get } from "../api/client";
import { type Connection, useLive } from "../api/live";
import { hasLeftOut, merge, type Story } from "./story";

/** An execution's story, kept up to date while it is shown. `read` reads on at once, for example after a change. */
export function useStory(arn: string): {
  story: Story | null;
  error: unknown;
  connection: Connection;
  read: () => void;
} {
  const [story, setStory] = useState<Story | null>(null);
  const [error, setError] = useState<unknown>(null);
  const state = useRef<{ story: Story | null; reading: boolean; again: boolean }>({
    story: null,
    reading: false,
    again: false,
  });

  const read = useCallback(() => {
    const now = state.current;
    if (now.reading) {
      now.again = true;
      return;
    }
    now.reading = true;
    get("execution", { arn, since: now.story?.page.sequence ?? 0 })
      .then((page) => {
        if (state.current !== now) return;
        if (now.story !== null && hasLeftOut(now.story, page)) {
          now.story = null;
          now.again = true;
          return;
        }
        now.story = merge(now.story, page);
        setStory(now.story);
        setError(null);
      })
      .catch((failure: unknown) => state.current === now && setError(failure))
      .finally(() => {
        now.reading = false;
        if (now.again && state.current === now) {
          now.again = false;
          read();
        }
      });
  }, [arn]);

  useEffect(() => {
    state.current = { story: null, reading: false, again: false };
    setStory(null);
    read();
    return () => {
      state.current = { story: null, reading: false, again: false };
    };
  }, [read]);

  const connection = useLive(arn, read);
  return { story, error, connection, read };
}
