import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import type { FrameMoment, Moment as MomentReply } from "../api/types";
import { Failure } from "../ui/Failure";
import { Payload } from "../ui/Json";
import { Status } from "../ui/Status";
import { Time } from "../ui/Time";
import { duration, exact } from "../ui/time";
import { Disclosure } from "./Disclosure";

/** The execution as it was after an event; null asks for nothing. */
export function useMoment(arn: string, event: number | null) {
  return useQuery({
    queryKey: ["moment", arn, event],
    queryFn: ({ signal }) => get("execution/moment", { arn, event }, signal),
    enabled: event !== null,
    placeholderData: event === null ? undefined : keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 10_000,
  });
}

const FRAMES_MAX = 50;

const WAITS: Record<string, string> = {
  task: "waits for its task",
  timer: "waits for its time",
  retry: "waits for its retry",
  branches: "waits for what is in it",
  map_run: "waits for its Map Run",
  done: "has ended",
  closed: "failed or was aborted",
  redriven: "works again",
};

/** Where every thread of control stood at that moment, and what it knew. */
export function Moment({
  event,
  moment,
  error,
  select,
}: {
  event: number;
  moment: MomentReply | undefined;
  error: unknown;
  select: (step: number) => void;
}) {
  return (
    <section className="card stack moment" aria-label={`At event ${event}`}>
      <div className="row">
        <h2>At event {moment?.eventId ?? event}</h2>
        {moment !== undefined && <Status status={moment.status} />}
        {moment !== undefined && (
          <span className="quiet-text small spread">
            <Time at={moment.at} />
          </span>
        )}
      </div>
      {error !== null && <Failure error={error} />}
      {moment?.frames.slice(0, FRAMES_MAX).map((frame) => (
        <Frame key={frame.frame} frame={frame} at={moment.at} select={select} />
      ))}
      {moment !== undefined && moment.frames.length > FRAMES_MAX && (
        <p className="quiet-text small">And {moment.frames.length - FRAMES_MAX} more threads</p>
      )}
    </section>
  );
}

function Frame({ frame, at, select }: { frame: FrameMoment; at: number; select: (step: number) => void }) {
  const { enteredId, waiting, timers, retryCount, variables } = frame;
  const does = enteredId === 0 ? "is about to be entered" : (WAITS[waiting] ?? "goes on");
  return (
    <div className="frame small">
      <div className="row">
        <button
          type="button"
          className="link"
          disabled={enteredId === 0}
          title="Select this step"
          onClick={() => select(enteredId)}
        >
          <bdi>{frame.state}</bdi>
        </button>
        <span>
          {does}
          {retryCount > 0 && `, ${retryCount} retried`}
        </span>
        {frame.parent > 0 && <span className="badge">#{frame.index}</span>}
      </div>
      {Object.entries(timers).map(([kind, due]) => (
        <div key={kind} className="quiet-text" title={exact(due)}>
          Its {kind} timer is due in {duration(due - at)}
        </div>
      ))}
      {variables.text !== "{}" && (
        <Disclosure label="Variables">
          {() => <Payload data={variables} label={`Variables at ${frame.state}`} />}
        </Disclosure>
      )}
      <Disclosure label="Input">
        {() => <Payload data={frame.input} label={`Input at ${frame.state}`} />}
      </Disclosure>
    </div>
  );
}
