import { pretty } from "../ui/json";
import { bytes } from "../ui/time";

/** AWS's quota for an execution's input. Extended limits have none. */
const INPUT_MAX_BYTES = 262_144;

const NAME_MAX = 80;

/** AWS's quotas page says what no name may hold. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is forbidden
const FORBIDDEN = /[\s?*<>{}[\]"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f]/;

/** Why the server would refuse an input, and null where it would not. */
export function inputProblem(text: string, limits: string): string | null {
  try {
    JSON.parse(text);
  } catch (error) {
    return `The input is no JSON: ${(error as Error).message}`;
  }
  const size = new TextEncoder().encode(text).length;
  return limits === "aws" && size > INPUT_MAX_BYTES
    ? `The input has ${bytes(size)}, and AWS takes ${bytes(INPUT_MAX_BYTES)}. Make it smaller, or pass a reference to it.`
    : null;
}

/** Why AWS would refuse an execution's name. None at all is fine: then the server makes one. */
export function nameProblem(name: string): string | null {
  if (name.length > NAME_MAX) return `The name has ${name.length} characters; take at most ${NAME_MAX}.`;
  const found = FORBIDDEN.exec(name)?.[0];
  if (found === undefined) return null;
  return /\s/.test(found) ? "Take a name without spaces." : `Take a name without ${JSON.stringify(found)}.`;
}

/** Inputs laid out, each once, in their order. */
export function distinct(inputs: (string | undefined)[]): string[] {
  return [...new Set(inputs.filter((input) => input !== undefined).map(pretty))];
}
