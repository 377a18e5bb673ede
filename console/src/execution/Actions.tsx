import { lazy, type ReactNode, Suspense, useState } from "react";
import { Link } from "react-router";
import { stepFunctions } from "../api/aws";
import { nameOf } from "../app/links";
import { Dialog } from "../ui/Dialog";
import { Failure } from "../ui/Failure";
import { ErrorAndCause } from "./ErrorAndCause";
import type { Story } from "./story";
import { useWork } from "./useWork";

const CopyAs = lazy(() => import("./copy/CopyAs"));
const ExportButton = lazy(() => import("./export/ExportButton"));
const StartDialog = lazy(() => import("../machines/StartDialog"));

/** What can be done with an execution. What changes it asks AWS's API. */
export function Actions({ arn, story, read }: { arn: string; story: Story; read: () => void }) {
  const { execution, notRedrivable, input, label } = story.page;
  const [asked, ask] = useState<"stop" | "start" | null>(null);
  const redrive = useWork(async () => {
    const { sdk, client } = await stepFunctions();
    await client.send(new sdk.RedriveExecutionCommand({ executionArn: arn }));
  }, read);
  return (
    <div className="actions">
      {execution.status === "RUNNING" ? (
        <button type="button" className="button danger" onClick={() => ask("stop")}>
          Stop
        </button>
      ) : (
        <Redrive reason={notRedrivable} busy={redrive.isPending} redrive={() => redrive.mutate()} />
      )}
      {label === "" && (
        <button type="button" className="button" onClick={() => ask("start")}>
          Start again
        </button>
      )}
      <Link className="button" to={`/compare?left=${encodeURIComponent(arn)}`}>
        Compare
      </Link>
      <Suspense fallback={null}>
        <CopyAs arn={arn} story={story} />
        <ExportButton arn={arn} story={story} />
        {asked === "start" && (
          <StartDialog
            machine={execution.stateMachineArn}
            name={nameOf(execution.stateMachineArn)}
            input={input.text ?? undefined}
            close={() => ask(null)}
          />
        )}
      </Suspense>
      {asked === "stop" && <Stop arn={arn} read={read} close={() => ask(null)} />}
      {redrive.error !== null && <Failure error={redrive.error} />}
    </div>
  );
}

function Redrive({ reason, busy, redrive }: { reason: string | null; busy: boolean; redrive: () => void }) {
  return (
    <Explained text={reason}>
      <button
        type="button"
        className={reason === null ? "button primary" : "button"}
        disabled={busy}
        // A disabled button cannot be reached, and nobody would hear why.
        aria-disabled={reason !== null}
        aria-description={reason ?? undefined}
        onClick={() => reason === null && redrive()}
      >
        Redrive
      </button>
    </Explained>
  );
}

/** Says why something cannot be used, where the pointer or the focus is. */
function Explained({ text, children }: { text: string | null; children: ReactNode }) {
  return (
    <span className="explained">
      {children}
      {text !== null && (
        <span className="explanation small" aria-hidden="true">
          {text}
        </span>
      )}
    </span>
  );
}

function Stop({ arn, read, close }: { arn: string; read: () => void; close: () => void }) {
  return (
    <Dialog title="Stop this execution" close={close}>
      <p>What it is doing is aborted. A stopped execution can be redriven from where it was.</p>
      <ErrorAndCause
        verb="Stop"
        done={() => {
          read();
          close();
        }}
        send={async (said) => {
          const { sdk, client } = await stepFunctions();
          await client.send(new sdk.StopExecutionCommand({ executionArn: arn, ...said }));
        }}
      />
    </Dialog>
  );
}
