import { html, type Markup } from "./html";

/** A status as a word in its colour. */
export function status(text: string): Markup {
  return html`<span class="status ${statusClass(text)}">${words(text)}</span>`;
}

export function words(text: string): string {
  return text.toLowerCase().replace("_", " ");
}

export function statusClass(text: string): string {
  return text.toLowerCase().replace(/[^a-z_]/g, "");
}
