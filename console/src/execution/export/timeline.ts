import type { Attempt, Step } from "../../api/types";
import { mark, tone, word } from "../../ui/Status";
import { duration } from "../../ui/time";
import { html, type Markup, NOTHING } from "./html";

const ROWS_MAX = 400;
const ROW = 22;
const LABEL = 260;
const WIDTH = 1000;
const NAME_CHARACTERS = 32;

/** When each step ran, as a picture that needs no script. Its attempts are drawn within it. */
export function timeline(steps: Step[], until: number): Markup {
  const shown = steps.slice(0, ROWS_MAX);
  const [first] = shown;
  if (first === undefined) return html`<p class="quiet">No step yet.</p>`;
  const from = first.enteredAt;
  const to = Math.max(...shown.map((step) => endOf(step, until)), from + 0.001);
  const scale = (at: number) => LABEL + ((at - from) / (to - from)) * (WIDTH - LABEL);
  const left = steps.length - shown.length;
  return html`<div class="wide"><svg viewBox="0 0 ${WIDTH} ${shown.length * ROW}" role="img" aria-label="Timeline of the steps">
${shown.map((step, index) => row(step, index * ROW, scale, until))}</svg></div>${
    left > 0 ? html`<p class="note">${left} later steps are not drawn.</p>` : NOTHING
  }`;
}

function row(step: Step, y: number, scale: (at: number) => number, until: number): Markup {
  const end = endOf(step, until);
  const took = duration(end - step.enteredAt);
  return html`<g><title>${step.name}: ${word(step.status)}, ${took}</title>
<text x="0" y="${y + 15}">${labelOf(step)}</text>
${bar(`bar tone-${tone(step.status)}`, scale(step.enteredAt), scale(end), y + 4, 14)}
${step.attempts.map((attempt) => drawn(attempt, y, scale, end))}</g>`;
}

function drawn(attempt: Attempt, y: number, scale: (at: number) => number, end: number): Markup {
  const to = attempt.endedAt === 0 ? end : attempt.endedAt;
  return bar(`attempt tone-${tone(attempt.status)}`, scale(attempt.scheduledAt), scale(to), y + 8, 6);
}

function bar(kind: string, from: number, to: number, y: number, height: number): Markup {
  const width = Math.max(2, to - from);
  const x = Math.min(from, WIDTH - 2);
  return html`<rect class="${kind}" x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${height}" rx="3"/>`;
}

function endOf(step: Step, until: number): number {
  return step.endedAt === 0 ? Math.max(until, step.enteredAt) : step.endedAt;
}

/** Colour alone does not tell a status. */
function labelOf({ name, status }: Step): string {
  const shown = name.length > NAME_CHARACTERS ? `${name.slice(0, NAME_CHARACTERS - 1)}…` : name;
  return `${mark(status)} ${shown}`;
}
