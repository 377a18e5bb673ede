import { type Fields, fieldsOf, isDistributed, listOf, textOf } from "./asl";

/** The few words of a state, or of a rule, that a graph has room for. */

const ROOM = 44;
const DEPTH_MAX = 6;

const COMPARISONS: [RegExp, string][] = [
  [/^(?:String|Numeric|Boolean|Timestamp)Equals(Path)?$/, "="],
  [/^(?:String|Numeric|Timestamp)LessThan(Path)?$/, "<"],
  [/^(?:String|Numeric|Timestamp)LessThanEquals(Path)?$/, "≤"],
  [/^(?:String|Numeric|Timestamp)GreaterThan(Path)?$/, ">"],
  [/^(?:String|Numeric|Timestamp)GreaterThanEquals(Path)?$/, "≥"],
  [/^StringMatches$/, "matches"],
];

const KINDS: Record<string, string> = {
  IsPresent: "present",
  IsNull: "null",
  IsString: "a string",
  IsNumeric: "a number",
  IsBoolean: "a boolean",
  IsTimestamp: "a timestamp",
};

/** The condition of a Choice's rule, in JSONPath or in JSONata. */
export function conditionText(rule: Fields): string {
  return typeof rule.Condition === "string" ? expression(rule.Condition) : comparison(rule, 0);
}

function comparison(rule: Fields, depth: number): string {
  if (depth > DEPTH_MAX) return "…";
  const within = (value: unknown) => comparison(fieldsOf(value), depth + 1);
  if ("Not" in rule) return `not (${within(rule.Not)})`;
  for (const word of ["And", "Or"]) {
    if (word in rule) return joined(listOf(rule[word]).map(within), ` ${word.toLowerCase()} `, depth);
  }
  const variable = textOf(rule.Variable);
  for (const [operator, value] of Object.entries(rule)) {
    const kind = Object.hasOwn(KINDS, operator) ? KINDS[operator] : undefined;
    if (kind !== undefined) return `${variable} is ${value === false ? "not " : ""}${kind}`;
    const found = COMPARISONS.find(([pattern]) => pattern.test(operator));
    if (found)
      return `${variable} ${found[1]} ${operator.endsWith("Path") ? textOf(value) : JSON.stringify(value)}`;
  }
  return variable;
}

function joined(parts: string[], word: string, depth: number): string {
  const text = parts.join(word);
  return depth > 0 && parts.length > 1 ? `(${text})` : text;
}

/** A JSONata expression without its marks; any other text as it is. */
function expression(text: string): string {
  return text.replace(/^\{%\s*|\s*%\}$/g, "");
}

/** What stands beside a state's type: what a Task calls, how long a Wait waits, what a Fail fails with. */
export function detailText(state: Fields): string {
  switch (state.Type) {
    case "Task":
      return resourceText(state);
    case "Wait":
      return waitText(state);
    case "Fail":
      return expression(textOf(state.Error));
    case "Map":
      return isDistributed(state) ? "distributed" : "inline";
    default:
      return "";
  }
}

function resourceText(state: Fields): string {
  const resource = textOf(state.Resource);
  const invoked = /:states:[^:]*:[^:]*:lambda:invoke/.test(resource);
  const called = invoked ? textOf(fieldsOf(state.Arguments ?? state.Parameters).FunctionName) : resource;
  const name = invoked && NAME.test(called) ? called : FUNCTION_ARN.exec(called)?.[1];
  if (name !== undefined) return `lambda ${name}`;
  return /^arn:[^:]*:states:[^:]*:[^:]*:(.+)$/.exec(resource)?.[1] ?? resource;
}

const NAME = /^[\w-]+$/;
const FUNCTION_ARN = /^arn:[^:]*:lambda:[^:]*:[^:]*:function:([\w-]+)/;

function waitText(state: Fields): string {
  const seconds = state.Seconds ?? state.SecondsPath;
  if (typeof seconds === "number") return `${seconds} s`;
  const until = state.Timestamp ?? state.TimestampPath;
  return seconds === undefined && until !== undefined
    ? `until ${expression(textOf(until))}`
    : expression(textOf(seconds));
}

/** A text in one line, cut to what a graph has room for. */
export function cut(text: string, room = ROOM): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > room ? `${line.slice(0, room - 1)}…` : line;
}
