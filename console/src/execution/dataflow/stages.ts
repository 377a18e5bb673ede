import type { Fields } from "../../graph/asl";
import { readJson } from "../../ui/json";
import {
  type Expression,
  expressionsIn,
  isExpression,
  pathText,
  readsOf,
  testsIn,
  valueAt,
} from "./expressions";
import { type Applied, type Evaluation, inOrder, type Reply } from "./order";

/** An expression of a stage, the documents it read, and the value it gave as a JSON text. */
export interface Line {
  path: string;
  expression: string;
  reads: string[];
  value: string | null;
  error: string | null;
}

/** One field of the state as AWS applied it. Texts are JSON; `value` is null where it was not reached. */
export interface Stage {
  field: string;
  fragment: string | null;
  lines: Line[];
  value: string | null;
  /** What is to be known of the value, in words. */
  note: string;
  /** What kept it from having a value. */
  error: { error: string; cause: string } | null;
}

/** The stages of a state in the order in which AWS applies them, with what came of each. */
export function stagesOf(evaluation: Evaluation): Stage[] {
  const stages = inOrder(evaluation).map((applied) => stageOf(applied, evaluation));
  return blame(stages, evaluation.reply);
}

function stageOf(applied: Applied, evaluation: Evaluation): Stage {
  const { field, fragment, value = null } = applied;
  const document = value === null ? undefined : readJson(value);
  const items = applied.each && Array.isArray(document) ? document : null;
  const note = items === null ? (applied.note ?? "") : ofItems(items.length);
  return {
    field,
    fragment: fragment === undefined ? null : JSON.stringify(fragment, null, 2),
    lines: linesOf(applied, items === null ? document : items[0], evaluation),
    value,
    note,
    error: null,
  };
}

function ofItems(count: number): string {
  return count === 0 ? "There are no items." : `Values are those of the first of ${count} items.`;
}

function linesOf({ field, from, fragment }: Applied, document: unknown, evaluation: Evaluation): Line[] {
  const { jsonata, probed } = evaluation;
  const variables = Object.keys(readJson(evaluation.variables) as Fields);
  return expressionsOf(field, fragment, jsonata).map(({ path, text }) => {
    const own = probed.get(pathText([field, ...path]));
    const found = field === "Choices" ? undefined : valueAt(document, path);
    return {
      path: pathText(path),
      expression: text,
      reads: readsOf(text, jsonata, variables, from),
      value: own?.value ?? (found === undefined ? null : JSON.stringify(found)),
      error: own?.error ?? null,
    };
  });
}

const HANDLERS = ["Retry", "Catch"];

function expressionsOf(field: string, fragment: unknown, jsonata: boolean): Expression[] {
  if (field === "Result" || HANDLERS.includes(field)) return [];
  if (field === "Choices") return testsIn(fragment, jsonata);
  const whole = jsonata ? isExpression(fragment) : field.endsWith("Path") && typeof fragment === "string";
  return whole ? [{ path: [], text: String(fragment) }] : expressionsIn(fragment, jsonata);
}

/**
 * Says the error at the stage that failed: the one that it names, or else the first that has no value. The result that
 * stands for the work is not reached then, if it comes later.
 */
function blame(stages: Stage[], reply: Reply): Stage[] {
  if (reply.error === undefined || reply.status === "SUCCEEDED") return stages;
  const error = { error: reply.error, cause: reply.cause ?? "" };
  const named = /field '([^']+)'/.exec(reply.cause ?? "")?.[1] ?? "";
  const missing = stages.filter((stage) => stage.value === null && !HANDLERS.includes(stage.field));
  const blamed = missing.find((stage) => isNamed(stage, named)) ?? missing[0];
  const from = blamed === undefined ? stages.length : stages.indexOf(blamed);
  return stages.map((stage, index) => {
    if (stage === blamed) return { ...stage, error };
    return index > from && stage.field === "Result" ? { ...stage, value: null } : stage;
  });
}

function isNamed(stage: Stage, named: string): boolean {
  return (
    named === stage.field ||
    named.startsWith(`${stage.field}/`) ||
    stage.lines.some((line) => line.path !== "" && line.path === named)
  );
}
