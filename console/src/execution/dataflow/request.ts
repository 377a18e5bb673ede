import type { TestStateCommandInput } from "@aws-sdk/client-sfn";
import type { Data, Step, StepDetail } from "../../api/types";
import type { Fields } from "../../graph/asl";
import { readJson } from "../../ui/json";
import { findState, isFields, replaceState } from "./definition";
import { type Expression, isExpression, testsIn } from "./expressions";

/** What stands for the work of a Task, Parallel or Map. Nothing is ever called, so that without it there is no result. */
export type Outcome =
  | { kind: "none" }
  | { kind: "result"; result: string }
  | { kind: "error"; error: string; cause: string };

/** One evaluation: a state, and all that it finds. Texts are JSON as it is sent. */
export interface Subject {
  definition: string;
  stateName: string;
  /** The state's own definition, which takes the place of the one in `definition`. */
  fragment: string;
  input: string;
  variables: string;
  context: string;
  outcome: Outcome;
  retryCount: number;
  /** What a Map's ItemReader would have read. It is not kept, so at first there is nothing. */
  readerData: string;
}

/** What may be edited, by the name of its editor. */
export type Field = "fragment" | "input" | "variables" | "outcome" | "readerData";

/** Something to be put right before anything can be evaluated, and where. */
export class FieldError extends Error {
  constructor(
    readonly field: Field,
    message: string,
  ) {
    super(message);
    this.name = "FieldError";
  }
}

const MOCKED = ["Task", "Map", "Parallel"];

/** Whether the state has work that something must stand for. */
export function isMocked(type: unknown): boolean {
  return typeof type === "string" && MOCKED.includes(type);
}

/** The evaluation of a step as it was, at one of its attempts. Raises `FieldError` where something was not kept. */
export function recorded(definition: string, step: Step, detail: StepDetail, attempt: number): Subject {
  const state = findState(definition, step.name);
  if (state === null) throw new FieldError("fragment", `The definition has no state '${step.name}'.`);
  return {
    definition,
    stateName: step.name,
    fragment: JSON.stringify(state.fields, null, 2),
    input: kept(detail.input.text, "input"),
    variables: kept(detail.variablesBefore.text, "variables"),
    context: detail.context.text ?? "{}",
    outcome: outcomeOf(state.fields, step, detail, attempt),
    retryCount: retriesBefore(step, detail, attempt),
    readerData: isFields(state.fields.ItemReader) ? emptyData(state.fields.ItemReader) : "",
  };
}

function kept(text: string | null, field: Field): string {
  if (text === null) throw new FieldError(field, `The ${field} is too large to be evaluated here.`);
  return text;
}

function outcomeOf(fields: Fields, step: Step, detail: StepDetail, attempt: number): Outcome {
  const made = step.attempts[attempt];
  const output = detail.attempts[attempt]?.output ?? (made === undefined ? resultOf(fields, detail) : null);
  if (!isMocked(step.type)) return { kind: "none" };
  if (output !== null) return { kind: "result", result: kept(output.text, "outcome") };
  const { error, cause } = made?.error ? made : step;
  return error === "" ? { kind: "none" } : { kind: "error", error, cause };
}

const AFTER_RESULT = ["ResultSelector", "ResultPath", "OutputPath", "Output"];

/** What the work gave. That of a Map Run is not kept by itself, but it is the output where nothing is made of it. */
function resultOf(fields: Fields, detail: StepDetail): Data | null {
  const asIs = detail.step.mapRun !== "" && AFTER_RESULT.every((name) => !(name in fields));
  return detail.result ?? (asIs ? detail.output : null);
}

/** How often the retrier that took the attempt's error had retried by then. */
function retriesBefore(step: Step, detail: StepDetail, attempt: number): number {
  const [made, next] = [step.attempts[attempt], step.attempts[attempt + 1]];
  if (made === undefined || next === undefined) return detail.retryCount;
  const retry = step.retries.find(({ at }) => at >= made.endedAt && at <= next.scheduledAt);
  return retry === undefined ? detail.retryCount : retry.attempt - 1;
}

/** A text without items, in the reader's own format. */
function emptyData(reader: Fields): string {
  const configuration = isFields(reader.ReaderConfig) ? reader.ReaderConfig : {};
  return configuration.InputType === "CSV" || configuration.InputType === "JSONL" ? "" : "[]";
}

/** The state as the subject has it. Raises `FieldError`. */
export function stateOf(subject: Subject): { fields: Fields; jsonata: boolean } {
  const fields = parsed(subject.fragment, "fragment");
  if (!isFields(fields)) throw new FieldError("fragment", "A state is a JSON object.");
  const definition = replaceState(subject.definition, subject.stateName, fields);
  return findState(definition, subject.stateName) ?? { fields, jsonata: false };
}

function parsed(text: string, field: Field): unknown {
  try {
    return readJson(text);
  } catch (error) {
    throw new FieldError(field, error instanceof Error ? error.message : String(error));
  }
}

/** The request of TestState. Nothing in it can call anything or wait. Raises `FieldError`. */
export function testStateRequest(subject: Subject): TestStateCommandInput {
  const { fields } = stateOf(subject);
  parsed(subject.input, "input");
  parsed(subject.variables, "variables");
  const tested = fields.Type === "Wait" ? withoutWaiting(fields) : fields;
  return {
    definition: replaceState(subject.definition, subject.stateName, tested),
    stateName: subject.stateName,
    input: subject.input,
    variables: subject.variables,
    inspectionLevel: "DEBUG",
    ...(isMocked(fields.Type) ? mocked(subject, fields) : {}),
  };
}

function mocked(subject: Subject, fields: Fields): Partial<TestStateCommandInput> {
  const { outcome } = subject;
  if (outcome.kind === "none") {
    throw new FieldError("outcome", "There is no recorded result, and nothing is called: give a result.");
  }
  if (outcome.kind === "result") parsed(outcome.result, "outcome");
  const given =
    outcome.kind === "result"
      ? { result: outcome.result }
      : { errorOutput: { error: outcome.error, cause: outcome.cause } };
  return {
    // What was really returned is not held against a model.
    mock: { ...given, fieldValidationMode: "NONE" },
    context: mockedContext(subject.context),
    stateConfiguration: {
      retrierRetryCount: subject.retryCount,
      ...("ItemReader" in fields ? { mapItemReaderData: subject.readerData } : {}),
    },
  };
}

/** The context object without its Map, which TestState makes up itself. */
function mockedContext(text: string): string {
  const { Map: _, ...context } = readJson(text) as Fields;
  return JSON.stringify(context);
}

const OF_WAIT_ALONE = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];

/** TestState really waits. A Pass does to the data what a Wait does. */
function withoutWaiting(fields: Fields): Fields {
  const others = Object.entries(fields).filter(([name]) => !OF_WAIT_ALONE.includes(name));
  return { ...Object.fromEntries(others), Type: "Pass" };
}

// --- what TestState does not tell

const PROBES_MAX = 40;
/** Fields that are one expression, a path in JSONPath. AWS tells what ItemsPath gave, but not what Items did. */
const SINGLE = ["Seconds", "Timestamp", "TimeoutSeconds", "HeartbeatSeconds"];

/** Times, items, and what the rules of a Choice test. They read the input, variables and context alone. */
export function probesOf(fields: Fields, jsonata: boolean): Expression[] {
  const names = jsonata ? [...SINGLE, "Items"] : SINGLE.map((name) => `${name}Path`);
  const single = names.flatMap((name) => {
    const text = fields[name];
    return typeof text === "string" && (!jsonata || isExpression(text)) ? [{ path: [name], text }] : [];
  });
  const tests = testsIn(fields.Choices, jsonata).map(({ path, text }) => ({
    path: ["Choices", ...path],
    text,
  }));
  return [...single, ...tests].slice(0, PROBES_MAX);
}

/** What came of one of them: its value as a JSON text, or why there is none. */
export interface Probed {
  value?: string;
  error?: string;
}

/** Asks for one expression: the argument of a Task that is not called, for a Task may be given the context. */
export function probeRequest(subject: Subject, probe: Expression): TestStateCommandInput {
  const { fields, jsonata } = stateOf(subject);
  const task = {
    Type: "Task",
    Resource: "arn:aws:lambda:us-east-1:123456789012:function:none",
    QueryLanguage: jsonata ? "JSONata" : "JSONPath",
    ...(jsonata ? { Arguments: { value: probe.text } } : { Parameters: { "value.$": probe.text } }),
    ...(typeof fields.InputPath === "string" ? { InputPath: fields.InputPath } : {}),
    End: true,
  };
  return {
    definition: JSON.stringify(task),
    input: subject.input,
    variables: subject.variables,
    inspectionLevel: "DEBUG",
    mock: { result: "null", fieldValidationMode: "NONE" },
    context: mockedContext(subject.context),
  };
}
