import type { Step, StepDetail } from "../../api/types";
import { pretty } from "../../ui/json";
import type { Reply } from "./order";
import { isMocked, type Subject } from "./request";

/** What one has to know of the evaluation of a past step: where it cannot see what the step saw. */
export function caveats(subject: Subject, step: Step, detail: StepDetail, reply: Reply): string[] {
  const found: string[] = [];
  const readsContext = /\$states\.context|\$\$/.test(subject.fragment);
  if (readsContext && !isMocked(step.type)) {
    found.push("TestState takes no context object for this type of state: what is read of it is made up.");
  }
  if (/\bMap\.Item\b/.test(subject.fragment) && step.type !== "Map") {
    found.push(
      "TestState takes no Map item in the context object: it makes up index 0 with the input as its value.",
    );
  }
  if (subject.readerData !== "" || subject.fragment.includes('"ItemReader"')) {
    found.push("What the ItemReader read is not kept, so this is evaluated without items.");
  }
  if (step.type === "Wait") found.push("It is evaluated without waiting.");
  if (differs(detail.output?.text, reply.output)) {
    found.push("The output recorded for this step is another one than that of the evaluation below.");
  }
  return found;
}

function differs(recorded: string | null | undefined, evaluated: string | undefined): boolean {
  return typeof recorded === "string" && evaluated !== undefined && pretty(recorded) !== pretty(evaluated);
}
