import { Note } from "../ui/Status";
import { Cause } from "./Cause";
import { failedStep, isActivity, openToken, waitingForAnswer } from "./find";
import type { Story } from "./story";

const WAITING_MAX = 3;

/** What a person has to know first: why it failed, whom it waits for, and which of AWS's quotas it came near. */
export function Notices({ story, select }: { story: Story; select: (step: number) => void }) {
  const { execution } = story.page;
  return (
    <>
      <Failed story={story} select={select} />
      {execution.status === "RUNNING" && <Waiting story={story} select={select} />}
      {execution.warnings.length > 0 && (
        <Note kind="caught">
          {execution.warnings.map((warning) => (
            <div key={warning}>{warning}</div>
          ))}
        </Note>
      )}
    </>
  );
}

const HEADINGS: Record<string, string> = { FAILED: "Failed", TIMED_OUT: "Timed out", ABORTED: "Stopped" };

function Failed({ story, select }: { story: Story; select: (step: number) => void }) {
  const { execution } = story.page;
  const heading = HEADINGS[execution.status];
  if (heading === undefined) return null;
  const step = failedStep(story.steps);
  return (
    <Note kind={execution.status === "ABORTED" ? "aborted" : "failed"}>
      <div className="notice">
        <div>
          <h2>
            {heading}
            {step !== null && (
              <>
                {" at "}
                <bdi>{step.name}</bdi>
              </>
            )}
          </h2>
          <Cause error={execution.error ?? ""} cause={execution.cause ?? ""} />
        </div>
        {step !== null && (
          <button type="button" className="button" onClick={() => select(step.id)}>
            Show the step that failed
          </button>
        )}
      </div>
    </Note>
  );
}

function Waiting({ story, select }: { story: Story; select: (step: number) => void }) {
  const waiting = waitingForAnswer(story.steps.values());
  if (waiting.length === 0) return null;
  return (
    <Note kind="running">
      {waiting.slice(0, WAITING_MAX).map((step) => {
        const attempt = openToken(step);
        return (
          <div key={step.id} className="notice">
            <span>
              {attempt !== null && isActivity(attempt) ? "Waits for a worker at " : "Waits for an answer at "}
              <strong>
                <bdi>{step.name}</bdi>
              </strong>
            </span>
            <button type="button" className="button" onClick={() => select(step.id)}>
              {attempt !== null && isActivity(attempt) ? "Show the step" : "Answer"}
            </button>
          </div>
        );
      })}
      {waiting.length > WAITING_MAX && <div>And {waiting.length - WAITING_MAX} more</div>}
    </Note>
  );
}
