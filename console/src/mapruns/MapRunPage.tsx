import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "react-router";
import { stepFunctions } from "../api/aws";
import { nameOf, to } from "../app/links";
import { Failure } from "../ui/Failure";
import { Status } from "../ui/Status";
import { Lasted, Time } from "../ui/Time";
import { Children } from "./Children";
import { Progress } from "./Progress";
import { Settings } from "./Settings";
import { type MapRun, useMapRun, useParent } from "./useMapRun";
import "./mapruns.css";

/** A Map Run: how far it is, what failed in it, and how it is to go on. */
export default function MapRunPage() {
  const arn = useParams().arn ?? "";
  const run = useMapRun(arn);
  return (
    <div className="page">
      {run.error !== null && <Failure error={run.error} />}
      {run.data === undefined && run.error === null && <p className="empty">Loading …</p>}
      {run.data !== undefined && (
        <>
          <Header arn={arn} run={run.data} />
          <Progress run={run.data} at={run.dataUpdatedAt} />
          <Settings arn={arn} run={run.data} />
          <Children arn={arn} run={run.data} />
        </>
      )}
    </div>
  );
}

function Header({ arn, run }: { arn: string; run: MapRun }) {
  const stopped = run.stopDate === undefined ? null : run.stopDate.getTime() / 1000;
  const started = (run.startDate?.getTime() ?? 0) / 1000;
  return (
    <header className="stack">
      <div className="row">
        <h1>Map Run {label(arn)}</h1>
        <Status status={run.status ?? "RUNNING"} />
        <span className="quiet-text">
          <Time at={started} /> · <Lasted from={started} to={stopped} />
        </span>
        {(run.redriveCount ?? 0) > 0 && (
          <span className="quiet-text">
            redriven {run.redriveCount}×, <Time at={(run.redriveDate?.getTime() ?? 0) / 1000} />
          </span>
        )}
      </div>
      {run.executionArn !== undefined && <Parent arn={run.executionArn} run={run} />}
    </header>
  );
}

/** A Map Run's ARN ends in MACHINE/LABEL:UUID. */
function label(arn: string): string {
  return arn.split(":").at(-2)?.split("/")[1] ?? "";
}

const UNSUCCESSFUL = new Set(["FAILED", "TIMED_OUT", "ABORTED"]);

function Parent({ arn, run }: { arn: string; run: MapRun }) {
  const parent = useParent(arn, run.status);
  const queries = useQueryClient();
  const redrive = useMutation({
    mutationFn: async () => {
      const { sdk, client } = await stepFunctions();
      await client.send(new sdk.RedriveExecutionCommand({ executionArn: arn }));
    },
    onSuccess: () => queries.invalidateQueries(),
  });
  const { status, redriveStatus, redriveStatusReason } = parent.data ?? {};
  return (
    <>
      <div className="row">
        <span>
          of the execution <Link to={to.execution(arn)}>{nameOf(arn)}</Link>
        </span>
        {status !== undefined && <Status status={status} />}
        {redriveStatus === "REDRIVABLE" && (
          <button
            type="button"
            className="button"
            disabled={redrive.isPending}
            title="Children that did not succeed run again; those that did stay as they are"
            onClick={() => redrive.mutate()}
          >
            Redrive the execution
          </button>
        )}
        {redriveStatus === "NOT_REDRIVABLE" && UNSUCCESSFUL.has(status ?? "") && (
          <span className="quiet-text small">Not redrivable: {redriveStatusReason}</span>
        )}
      </div>
      {redrive.error !== null && <Failure error={redrive.error} />}
    </>
  );
}
