import { mark, tone, word } from "../../ui/Status";
import { html, type Markup } from "./html";

/** A status as the console shows it: its mark, its colour and its word. */
export function status(text: string): Markup {
  return html`<span class="status tone-${tone(text)}">${mark(text)} ${word(text)}</span>`;
}
