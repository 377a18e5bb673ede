import { pretty } from "../../ui/json";
import { bytes } from "../../ui/time";
import { html, type Markup } from "./html";

const TEXT_MAX_CHARACTERS = 64 * 1024;
const ALL_MAX_CHARACTERS = 24 * 1024 * 1024;

/** The texts of one document: each is cut at a bound, and so are all of them together. */
export class Texts {
  /** Whether anything was cut. */
  cut = false;
  private left: number;

  constructor(
    private readonly most = TEXT_MAX_CHARACTERS,
    all = ALL_MAX_CHARACTERS,
  ) {
    this.left = all;
  }

  /** As much of the text as there is room for. */
  shown(text: string): string {
    const kept = text.slice(0, Math.min(this.most, this.left));
    this.left -= kept.length;
    if (kept.length === text.length) return text;
    this.cut = true;
    return `${kept}\n… cut: ${bytes(text.length)} in all`;
  }

  /** A JSON text that can be folded. Without a text it was too large for the server to tell. */
  details(title: string, text: string | null, open = false): Markup {
    const shown =
      text === null ? "Too large to be exported. AWS's calls give it whole." : this.shown(pretty(text));
    const body = html`<summary>${title}</summary><pre>${shown}</pre>`;
    return open ? html`<details open>${body}</details>` : html`<details>${body}</details>`;
  }
}
