import { ApiError } from "../api/client";
import { Note } from "./Status";

/** What went wrong, in the server's words. */
export function Failure({ error }: { error: unknown }) {
  const known = error instanceof Error ? error : new Error(String(error));
  return (
    <Note kind="failed">
      <strong>{known instanceof ApiError ? known.code : known.name}</strong> {known.message}
    </Note>
  );
}
