import type { Step, StoryPage } from "../../api/types";
import { nameOf } from "../../app/links";
import { pretty } from "../../ui/json";
import { duration, exact } from "../../ui/time";
import { type HistoryEvent, readable } from "./events";
import { html, type Markup, NOTHING } from "./html";
import { status } from "./status";
import { stepSections } from "./steps";
import { STYLES } from "./styles";
import { Texts } from "./texts";
import { timeline } from "./timeline";

/** What a report is made of. Events are the first ones; `lastEvent` is the id of the last that there is. */
export interface Exported {
  page: StoryPage;
  definition: string;
  steps: Step[];
  events: HistoryEvent[];
  lastEvent: number;
  payloads: boolean;
  exportedAt: number;
  version: string;
}

/** No script, no font, no picture, nothing from elsewhere. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** An execution as one HTML file that needs nothing else: no server, no script. Whatever it holds is escaped. */
export function exportDocument(exported: Exported): string {
  const { page, definition, steps, events, payloads } = exported;
  const texts = new Texts();
  const name = page.execution.name;
  const body = html`<main>
<header><p class="quiet">Stepwell execution report</p><h1>${name} ${status(page.execution.status)}</h1></header>
${facts(exported)}
${notes(exported)}
<h2>Timeline</h2>${timeline(steps, page.execution.stoppedAt ?? exported.exportedAt)}
<h2>Data</h2>${payloads ? wholeData(page, texts) : html`<p class="quiet">Payloads are left out.</p>`}
<h2>Steps</h2>${stepSections(steps, events, texts)}
<h2>Events</h2>${eventTable(events, texts)}
<h2>Definition</h2><p class="quiet">Revision ${page.revision} of ${nameOf(page.execution.stateMachineArn)}</p>
<pre>${texts.shown(pretty(definition))}</pre>
${texts.cut ? html`<p class="note">Texts were cut where they say so, to keep this file small.</p>` : NOTHING}
</main>`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${name} · Stepwell execution report</title>
<style>${STYLES}</style></head>
<body>${body}</body></html>
`.text;
}

function facts({ page, exportedAt, version, lastEvent }: Exported): Markup {
  const { execution } = page;
  const rows: [string, string | null | undefined][] = [
    ["Execution", execution.executionArn],
    ["State machine", execution.stateMachineArn],
    ["Type", page.machineType.toLowerCase()],
    ["Version", execution.version],
    ["Alias", execution.alias],
    ["Started", exact(execution.startedAt)],
    ["Stopped", execution.stoppedAt === null ? "still open" : exact(execution.stoppedAt)],
    ["Took", execution.stoppedAt === null ? null : duration(execution.stoppedAt - execution.startedAt)],
    ["Error", execution.error],
    ["Cause", execution.cause],
    ["Redrives", execution.redriveCount > 0 ? String(execution.redriveCount) : null],
    ["Map Run", execution.mapRun],
    ["Started by", page.parent],
    ["Events", lastEvent.toLocaleString("en")],
    ["Warnings", execution.warnings.join("; ")],
    ["Exported", `${exact(exportedAt)} by Stepwell ${version}`],
  ];
  const told = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return html`<dl>${told.map(([name, value]) => html`<dt>${name}</dt><dd>${value ?? ""}</dd>`)}</dl>`;
}

function notes({ page, events, lastEvent, payloads }: Exported): Markup {
  const found: string[] = [];
  const shown = events.length.toLocaleString("en");
  if (events.length < lastEvent) {
    found.push(`This report has the first ${shown} of ${lastEvent.toLocaleString("en")} events.`);
  }
  if (page.firstStep > 0) found.push("Only the latest steps are listed; the events have the earlier ones.");
  if (!payloads) found.push("Inputs, outputs, variables, causes and task tokens were left out on purpose.");
  return html`${found.map((text) => html`<p class="note">${text}</p>`)}`;
}

function wholeData(page: StoryPage, texts: Texts): Markup {
  return html`${texts.details("Input", page.input.text, true)}${
    page.output === null ? NOTHING : texts.details("Output", page.output.text, true)
  }`;
}

function eventTable(events: HistoryEvent[], texts: Texts): Markup {
  const rows = events.map(
    (
      event,
    ) => html`<tr><td>${event.id}</td><td>${event.previousEventId}</td><td>${exact(event.timestamp)}</td>
<td>${event.type}</td><td>${eventDetails(event, texts)}</td></tr>`,
  );
  return html`<div class="wide"><table><thead><tr><th>Id</th><th>After</th><th>Time</th><th>Type</th><th>Details</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function eventDetails({ details }: HistoryEvent, texts: Texts): Markup {
  if (Object.keys(details).length === 0) return NOTHING;
  const named = [details.name, details.error, details.resource].find((value) => typeof value === "string");
  return texts.details(String(named ?? "Details"), JSON.stringify(readable(details), null, 2));
}
