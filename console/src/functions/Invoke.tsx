import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { lambda } from "../api/aws";
import { Failure } from "../ui/Failure";
import { Json, JsonEditor } from "../ui/Json";
import { pretty } from "../ui/json";
import { Note } from "../ui/Status";
import { LogText } from "./InvocationLog";
import { decodeTail } from "./invocations";

interface Reply {
  payload: string;
  error: string | null;
  log: string;
}

/** Runs a function with an event that one writes, and shows what it gave. */
export function Invoke({ name }: { name: string }) {
  const [event, setEvent] = useState("{}");
  const queries = useQueryClient();
  const call = useMutation({
    mutationFn: () => invoke(name, event),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["functions", name] });
      void queries.invalidateQueries({ queryKey: ["functions/invocations", name] });
    },
  });
  const problem = problemOf(event);
  return (
    <div className="stack">
      <h2>Event</h2>
      <JsonEditor text={event} label="Event" edit={setEvent} />
      {problem !== null && <p className="small quiet-text">{problem}</p>}
      <div className="row">
        <button
          type="button"
          className="button primary"
          disabled={call.isPending || problem !== null}
          onClick={() => call.mutate()}
        >
          {call.isPending ? "Running …" : "Invoke"}
        </button>
        <span className="small quiet-text">
          It runs as if a client had called it, with all of its effects.
        </span>
      </div>
      {call.error !== null && <Failure error={call.error} />}
      {call.data && <Result reply={call.data} />}
    </div>
  );
}

function Result({ reply }: { reply: Reply }) {
  return (
    <div className="stack">
      {reply.error === null ? (
        <Note kind="succeeded">
          <strong>It returned.</strong>
        </Note>
      ) : (
        <Note kind="failed">
          <strong>{reply.error}</strong> The function ended with an error; the result says which.
        </Note>
      )}
      <h2>Result</h2>
      <Json text={pretty(reply.payload)} label="Result" />
      <h2>Log</h2>
      <LogText text={reply.log} />
    </div>
  );
}

async function invoke(name: string, event: string): Promise<Reply> {
  const { sdk, client } = await lambda();
  const command = new sdk.InvokeCommand({
    FunctionName: name,
    Payload: new TextEncoder().encode(event),
    LogType: "Tail",
  });
  const reply = await client.send(command);
  return {
    payload: new TextDecoder().decode(reply.Payload),
    error: reply.FunctionError ?? null,
    log: decodeTail(reply.LogResult ?? ""),
  };
}

function problemOf(event: string): string | null {
  try {
    JSON.parse(event);
    return null;
  } catch (error) {
    return `The event is not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}
