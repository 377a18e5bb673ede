import type { Attempt, Step } from "../../api/types";
import { duration, exact } from "../../ui/time";
import { type HistoryEvent, readable } from "./events";
import { html, type Markup, NOTHING } from "./html";
import { status } from "./status";
import type { Texts } from "./texts";

const STEPS_MAX = 2_000;

/** A section for each step, with its data as the events have it. */
export function stepSections(steps: Step[], events: HistoryEvent[], texts: Texts): Markup {
  const byId = new Map(events.map((event) => [event.id, event]));
  const left = steps.length - STEPS_MAX;
  const sections = steps.slice(0, STEPS_MAX).map((step) => section(step, byId, texts));
  return html`${sections}${left > 0 ? html`<p class="note">${left} more steps are not listed.</p>` : NOTHING}`;
}

function section(step: Step, events: Map<number, HistoryEvent>, texts: Texts): Markup {
  const entered = readable(events.get(step.id)?.details ?? {});
  const exited = readable(events.get(step.exitedId)?.details ?? {});
  const took = step.endedAt === 0 ? "" : duration(step.endedAt - step.enteredAt);
  const parts: [string, unknown][] = [
    ["Input", entered.input],
    ["Output", exited.output],
    ["Assigned variables", exited.assignedVariables],
  ];
  const told: [string, string][] = [
    ["Entered", exact(step.enteredAt)],
    ["In", step.parent === 0 ? "" : `step ${step.parent}, index ${step.index}`],
    ["Error", step.error],
    ["Cause", texts.shown(step.cause)],
  ];
  return html`<details class="step"><summary><strong>${step.name}</strong> ${status(step.status)}
<span class="quiet">${step.type} · event ${step.id} · ${took}</span></summary>
<dl>${told.flatMap(([name, value]) => (value === "" ? [] : [html`<dt>${name}</dt><dd>${value}</dd>`]))}</dl>
${parts.flatMap(([title, value]) => (value === undefined ? [] : [texts.details(title, textOf(value), true)]))}
${step.attempts.length === 0 ? NOTHING : attempts(step.attempts)}</details>`;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function attempts(made: Attempt[]): Markup {
  const rows = made.map(
    (
      attempt,
      index,
    ) => html`<tr><td>${index + 1}</td><td>${status(attempt.status)}</td><td>${exact(attempt.scheduledAt)}</td>
<td>${attempt.endedAt === 0 ? "" : duration(attempt.endedAt - attempt.scheduledAt)}</td><td>${attempt.error}</td>
<td>${attempt.requestId}</td></tr>`,
  );
  return html`<div class="wide"><table><thead><tr><th>Attempt</th><th>Status</th><th>Scheduled</th><th>Took</th><th>Error</th>
<th>Request id</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}
