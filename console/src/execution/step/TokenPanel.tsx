import { useState } from "react";
import { stepFunctions } from "../../api/aws";
import type { Step, StepDetail } from "../../api/types";
import { Copy } from "../../ui/Copy";
import { Dialog } from "../../ui/Dialog";
import { Failure } from "../../ui/Failure";
import { JsonEditor } from "../../ui/Json";
import { ErrorAndCause } from "../ErrorAndCause";
import { openToken } from "../find";
import { useWork } from "../useWork";

/** Answers the task token of a step that waits for one. */
export function TokenPanel({ step, detail, read }: { step: Step; detail: StepDetail; read: () => void }) {
  const token = detail.attempts.at(-1)?.token ?? null;
  const [asked, ask] = useState<"success" | "failure" | null>(null);
  const heartbeat = useWork(async (taskToken: string) => {
    const { sdk, client } = await stepFunctions();
    await client.send(new sdk.SendTaskHeartbeatCommand({ taskToken }));
  }, read);
  // The step may have been answered since its data was read.
  if (token === null || openToken(step) === null) return null;
  const close = () => ask(null);
  const done = () => {
    close();
    read();
  };
  return (
    <div className="token stack">
      <div className="row">
        <strong>Waits for its task token</strong>
        <Token token={token} />
      </div>
      <div className="row">
        <button type="button" className="button primary" onClick={() => ask("success")}>
          Send success
        </button>
        <button type="button" className="button danger" onClick={() => ask("failure")}>
          Send failure
        </button>
        <button
          type="button"
          className="button"
          disabled={heartbeat.isPending}
          onClick={() => heartbeat.mutate(token)}
        >
          {heartbeat.isSuccess ? "Heartbeat sent" : "Heartbeat"}
        </button>
      </div>
      {heartbeat.error !== null && <Failure error={heartbeat.error} />}
      {asked === "success" && <Success name={step.name} token={token} close={close} done={done} />}
      {asked === "failure" && (
        <Dialog title={`Send failure to ${step.name}`} close={close}>
          <ErrorAndCause
            verb="Send failure"
            done={done}
            send={async (said) => {
              const { sdk, client } = await stepFunctions();
              await client.send(new sdk.SendTaskFailureCommand({ taskToken: token, ...said }));
            }}
          />
        </Dialog>
      )}
    </div>
  );
}

function Token({ token }: { token: string }) {
  const [shown, show] = useState(false);
  return (
    <>
      <button type="button" className="button quiet small" aria-expanded={shown} onClick={() => show(!shown)}>
        {shown ? "Hide token" : "Show token"}
      </button>
      <Copy text={token} label="Copy token" />
      {shown && <code className="token-text">{token}</code>}
    </>
  );
}

function Success({
  name,
  token,
  close,
  done,
}: {
  name: string;
  token: string;
  close: () => void;
  done: () => void;
}) {
  const [output, setOutput] = useState("{}");
  const valid = isJson(output);
  const sending = useWork(async () => {
    const { sdk, client } = await stepFunctions();
    await client.send(new sdk.SendTaskSuccessCommand({ taskToken: token, output }));
  }, done);
  return (
    <Dialog title={`Send success to ${name}`} close={close}>
      <p>The output becomes the result of the task.</p>
      <JsonEditor text={output} label="Output" edit={setOutput} />
      {!valid && <p className="small">The output is not JSON yet.</p>}
      {sending.error !== null && <Failure error={sending.error} />}
      <div className="row">
        <button
          type="button"
          className="button primary spread"
          disabled={!valid || sending.isPending}
          onClick={() => sending.mutate()}
        >
          Send success
        </button>
      </div>
    </Dialog>
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
