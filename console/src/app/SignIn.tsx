import { useQueryClient } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { keepCredentials } from "../api/credentials";
import { Failure } from "../ui/Failure";

/** Asks for the key that every request is to be signed with. The secret never leaves the tab: it signs here. */
export function SignIn({ refused }: { refused: unknown }) {
  const queries = useQueryClient();
  function sign(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    keepCredentials({
      accessKeyId: String(fields.get("key")).trim(),
      secretAccessKey: String(fields.get("secret")).trim(),
    });
    void queries.resetQueries();
  }
  return (
    <form className="card stack sign-in" onSubmit={sign}>
      <h1>Sign in</h1>
      <p className="quiet-text">
        This endpoint asks for signatures. Give one of the keys of its credentials file. It is kept for this
        tab alone, and the secret is not sent.
      </p>
      {refused !== null && <Failure error={refused} />}
      <label className="field">
        Access key id
        <input name="key" autoComplete="username" required />
      </label>
      <label className="field">
        Secret access key
        <input name="secret" type="password" autoComplete="current-password" required />
      </label>
      <button type="submit" className="button primary">
        Sign in
      </button>
    </form>
  );
}
