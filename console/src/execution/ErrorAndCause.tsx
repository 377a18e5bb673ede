import type { FormEvent } from "react";
import { Failure } from "../ui/Failure";
import { useWork } from "./useWork";

export interface Said {
  error?: string;
  cause?: string;
}

/** AWS's limits of the two. */
const ERROR_MAX = 256;
const CAUSE_MAX = 32768;

/** Asks for an error and a cause, neither of which has to be given, and sends them. */
export function ErrorAndCause({
  verb,
  send,
  done,
}: {
  verb: string;
  send: (said: Said) => Promise<void>;
  done: () => void;
}) {
  const sending = useWork(send, done);
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const given = (name: string) => String(form.get(name) ?? "") || undefined;
    sending.mutate({ error: given("error"), cause: given("cause") });
  }
  return (
    <form className="stack" onSubmit={submit}>
      <label className="field">
        Error
        <input name="error" maxLength={ERROR_MAX} autoComplete="off" />
      </label>
      <label className="field">
        Cause
        <textarea name="cause" rows={3} maxLength={CAUSE_MAX} />
      </label>
      {sending.error !== null && <Failure error={sending.error} />}
      <div className="row">
        <button type="submit" className="button danger spread" disabled={sending.isPending}>
          {verb}
        </button>
      </div>
    </form>
  );
}
