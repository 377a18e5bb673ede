import type { InspectionData, TestStateCommandOutput } from "@aws-sdk/client-sfn";
import type { Fields } from "../../graph/asl";
import { ofRule, verdict, withEndOf } from "./choice";
import { isFields } from "./definition";
import type { Outcome, Probed } from "./request";

/** What TestState says of a state. */
export type Reply = Pick<
  TestStateCommandOutput,
  "status" | "output" | "nextState" | "error" | "cause" | "inspectionData"
>;

/** A state that was evaluated, and what came of it. `probed` is what was asked for besides, by `pathText`. */
export interface Evaluation {
  fields: Fields;
  jsonata: boolean;
  outcome: Outcome;
  variables: string;
  reply: Reply;
  probed: Map<string, Probed>;
}

/** One field in its turn. `from` is what it reads where it does not say so itself. */
export interface Applied {
  field: string;
  from: string;
  value?: string;
  note?: string;
  /** Its definition, or what of it was applied. */
  fragment?: unknown;
  /** Whether the value is that of each item. */
  each?: boolean;
}

/** The fields of the state in the order in which AWS applies them. */
export function inOrder(evaluation: Evaluation): Applied[] {
  const fields = left(evaluation);
  const order = evaluation.jsonata ? inJsonata : inJsonPath;
  const result = evaluation.outcome.kind === "none" ? [] : ["Result"];
  return order({ ...evaluation, fields })
    .filter(({ field }) => field in fields || result.includes(field))
    .map((applied) => ({ fragment: fields[applied.field], ...applied }));
}

/** The state's fields with those of the way by which it was left: a rule or a catcher has its own. */
function left({ fields, reply, probed }: Evaluation): Fields {
  if (fields.Type === "Choice" && reply.nextState !== undefined)
    return ofRule(fields, reply.nextState, probed);
  const catcher = reply.status === "CAUGHT_ERROR" ? memberOf(fields.Catch, catchIndex(reply)) : undefined;
  return isFields(catcher) ? withEndOf(fields, catcher) : fields;
}

function inJsonPath(evaluation: Evaluation): Applied[] {
  const { fields, reply } = evaluation;
  const inspected = inspectedOf(evaluation);
  const caught = reply.status === "CAUGHT_ERROR";
  const narrowed = "InputPath" in fields ? "what InputPath gave" : "the input";
  const result = caught ? "the error output" : resultOf(evaluation, narrowed);
  const selected = "ResultSelector" in fields ? "what ResultSelector gave" : result;
  return [
    { field: "InputPath", from: "the input", value: inspected.afterInputPath },
    { field: "Parameters", from: narrowed, value: inspected.afterParameters },
    ...times(evaluation, narrowed, "Path"),
    { field: "ItemsPath", from: narrowed, value: inspected.afterItemsPath },
    ...ofMap(inspected, narrowed, "Path"),
    choices(evaluation, narrowed),
    ...ofFail(evaluation, narrowed, "Path"),
    work(evaluation),
    ...handlers(evaluation),
    { field: "ResultSelector", from: result, value: inspected.afterResultSelector },
    {
      field: "ResultPath",
      from: `the input and ${selected}`,
      value: caught ? reply.output : inspected.afterResultPath,
    },
    { field: "Assign", from: result, value: atEnd(reply, inspected.variables) },
    { field: "OutputPath", from: "what the stages before gave", value: atEnd(reply, reply.output) },
  ];
}

function inJsonata(evaluation: Evaluation): Applied[] {
  const { reply, probed } = evaluation;
  const inspected = inspectedOf(evaluation);
  return [
    { field: "Arguments", from: "", value: inspected.afterArguments },
    ...times(evaluation, "", ""),
    { field: "Items", from: "", value: probed.get("Items")?.value },
    ...ofMap(inspected, "", ""),
    choices(evaluation, ""),
    ...ofFail(evaluation, "", ""),
    work(evaluation),
    ...handlers(evaluation),
    { field: "Assign", from: "", value: atEnd(reply, inspected.variables) },
    { field: "Output", from: "", value: atEnd(reply, reply.output) },
  ];
}

function inspectedOf({ reply }: Evaluation): InspectionData {
  return reply.inspectionData ?? {};
}

function resultOf({ fields, outcome }: Evaluation, narrowed: string): string {
  if (outcome.kind !== "none" || "Result" in fields) return "the result";
  return "Parameters" in fields ? "what Parameters gave" : narrowed;
}

/** Only a state that is left comes to what stands at its end. */
function atEnd(reply: Reply, value: string | undefined): string | undefined {
  return reply.status === "SUCCEEDED" || reply.status === "CAUGHT_ERROR" ? value : undefined;
}

function times({ probed }: Evaluation, from: string, suffix: string): Applied[] {
  return ["Seconds", "Timestamp", "TimeoutSeconds", "HeartbeatSeconds"]
    .map((name) => name + suffix)
    .filter((field) => probed.has(field))
    .map((field) => ({ field, from, value: probed.get(field)?.value }));
}

function ofMap(inspected: InspectionData, from: string, suffix: string): Applied[] {
  return [
    { field: "ItemSelector", from, value: inspected.afterItemSelector, each: true },
    { field: "ItemBatcher", from, value: inspected.afterItemBatcher, each: true },
    { field: `MaxConcurrency${suffix}`, from, value: inspected.maxConcurrency?.toString() },
    { field: `ToleratedFailureCount${suffix}`, from, value: inspected.toleratedFailureCount?.toString() },
    {
      field: `ToleratedFailurePercentage${suffix}`,
      from,
      value: inspected.toleratedFailurePercentage?.toString(),
    },
  ];
}

function choices({ fields, reply, probed }: Evaluation, from: string): Applied {
  if (reply.nextState === undefined) return { field: "Choices", from };
  const note = verdict(fields, reply.nextState, probed);
  return { field: "Choices", from, value: JSON.stringify(reply.nextState), note };
}

function ofFail({ fields, reply }: Evaluation, from: string, suffix: string): Applied[] {
  if (fields.Type !== "Fail") return [];
  const given: [string, string | undefined][] = [
    ["Error", reply.error],
    ["Cause", reply.cause],
  ];
  return given.map(([name, text]) => ({
    field: name in fields ? name : name + suffix,
    from,
    value: text === undefined ? undefined : JSON.stringify(text),
  }));
}

function work(evaluation: Evaluation): Applied {
  const { outcome } = evaluation;
  const given = outcome.kind === "result" ? outcome.result : undefined;
  return { field: "Result", from: "", value: inspectedOf(evaluation).result ?? given };
}

/** The retrier or catcher that took the error. */
function handlers({ fields, reply }: Evaluation): Applied[] {
  const { retryIndex = 0, retryBackoffIntervalSeconds: seconds = 0 } =
    reply.inspectionData?.errorDetails ?? {};
  if (reply.status === "RETRIABLE") {
    const note = `Retrier ${retryIndex + 1} takes the error. The next attempt would start after ${seconds} s.`;
    return [{ field: "Retry", from: "", fragment: memberOf(fields.Retry, retryIndex), note }];
  }
  if (reply.status === "CAUGHT_ERROR") {
    const index = catchIndex(reply);
    const note = `Catcher ${index + 1} takes the error and goes on with ${reply.nextState ?? ""}.`;
    return [{ field: "Catch", from: "", fragment: memberOf(fields.Catch, index), note }];
  }
  return [];
}

function catchIndex(reply: Reply): number {
  return reply.inspectionData?.errorDetails?.catchIndex ?? 0;
}

function memberOf(list: unknown, index: number): unknown {
  return Array.isArray(list) ? list[index] : undefined;
}
