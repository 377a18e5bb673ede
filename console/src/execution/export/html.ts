/** Text that is markup already. Only `html` makes it, so that nothing gets into a document without being escaped. */
export class Markup {
  constructor(readonly text: string) {}
}

type Value = string | number | Markup | Markup[];

/** Markup from a template. What is put into it is escaped, for elements and for quoted attributes alike. */
export function html(strings: TemplateStringsArray, ...values: Value[]): Markup {
  return new Markup(strings.map((text, index) => text + markup(values[index] ?? "")).join(""));
}

export const NOTHING = html``;

function markup(value: Value): string {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(({ text }) => text).join("");
  return String(value).replace(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
}

const ESCAPES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
