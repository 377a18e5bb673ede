import { stepFunctions } from "../../api/aws";
import { type Expression, pathText } from "./expressions";
import type { Reply } from "./order";
import {
  type Field,
  FieldError,
  type Probed,
  probeRequest,
  probesOf,
  type Subject,
  stateOf,
  testStateRequest,
} from "./request";
import { type Stage, stagesOf } from "./stages";

/** A state evaluated: how it ended, and its stages. */
export interface Result {
  reply: Reply;
  stages: Stage[];
}

/** Ask AWS's TestState, the one evaluator. Nothing is stored and nothing is called. Raises `FieldError` and what AWS raises. */
export async function evaluate(subject: Subject, signal: AbortSignal): Promise<Result> {
  const request = testStateRequest(subject);
  const { fields, jsonata } = stateOf(subject);
  const { sdk, client } = await stepFunctions();
  const send = (input: typeof request) =>
    client.send(new sdk.TestStateCommand(input), { abortSignal: signal });
  async function probed(probe: Expression): Promise<[string, Probed]> {
    return [pathText(probe.path), await send(probeRequest(subject, probe)).then(probedBy)];
  }
  try {
    const [reply, ...values] = await Promise.all([send(request), ...probesOf(fields, jsonata).map(probed)]);
    const { outcome, variables } = subject;
    return {
      reply,
      stages: stagesOf({ fields, jsonata, outcome, variables, reply, probed: new Map(values) }),
    };
  } finally {
    client.destroy();
  }
}

function probedBy(reply: Reply): Probed {
  const made = reply.inspectionData?.afterArguments ?? reply.inspectionData?.afterParameters;
  // The text stays as the server wrote it: a number keeps its digits.
  const value = /^\s*\{\s*"value"\s*:(.*)\}\s*$/s.exec(made ?? "")?.[1]?.trim();
  return value === undefined ? { error: reply.cause ?? reply.error ?? "No value" } : { value };
}

/** What an error speaks of: the editor that it is shown at; null where it is of none. */
export function fieldOf(error: unknown): Field | null {
  if (error instanceof FieldError) return error.field;
  if (!(error instanceof Error)) return null;
  if (error.name === "InvalidDefinition") return "fragment";
  if (error.name === "InvalidExecutionInput") return "input";
  if (/variables/i.test(error.message)) return "variables";
  if (/mapItemReaderData/i.test(error.message)) return "readerData";
  return /mock/i.test(error.message) ? "outcome" : null;
}
