import type { Fields } from "../../graph/asl";
import { isFields } from "./definition";
import type { Probed } from "./request";

type Probes = Map<string, Probed>;

/**
 * The index of the rule of a Choice that held, "default" where none did. TestState tells the next state alone: null
 * where several lead there and their conditions do not tell which it was, as JSONPath rules have none that is told.
 */
export function ruleThatHeld(fields: Fields, next: string, probed: Probes): number | "default" | null {
  const rules = rulesOf(fields);
  const conditions = rules.map((_, index) => probed.get(`Choices[${index}].Condition`)?.value);
  const held = conditions.indexOf("true");
  if (held >= 0) return held;
  const leading = rules.flatMap((rule, index) =>
    rule.Next === next && conditions[index] !== "false" ? [index] : [],
  );
  if (leading.length === 0) return "default";
  return leading.length === 1 && fields.Default !== next ? (leading[0] ?? null) : null;
}

/** Says what decided. */
export function verdict(fields: Fields, next: string, probed: Probes): string {
  const held = ruleThatHeld(fields, next, probed);
  if (held === "default") return `No rule holds: Default leads to ${next}.`;
  if (held === null) return `It goes on with ${next}; more than one rule leads there.`;
  return `Rule ${held + 1} holds and leads to ${next}.`;
}

/** The fields of a Choice as they were applied: the rule that held has its own Assign and Output. */
export function ofRule(fields: Fields, next: string, probed: Probes): Fields {
  const held = ruleThatHeld(fields, next, probed);
  const rule = typeof held === "number" ? rulesOf(fields)[held] : undefined;
  return rule === undefined ? fields : withEndOf(fields, rule);
}

const AT_END = ["ResultSelector", "ResultPath", "OutputPath", "Output", "Assign"];

/** A state's fields, but for its end those of the rule or catcher by which it is left. */
export function withEndOf(fields: Fields, way: Fields): Fields {
  const start = Object.entries(fields).filter(([name]) => !AT_END.includes(name));
  const end = Object.entries(way).filter(([name]) => AT_END.includes(name));
  return Object.fromEntries([...start, ...end]);
}

function rulesOf(fields: Fields): Fields[] {
  return Array.isArray(fields.Choices) ? fields.Choices.filter(isFields) : [];
}
