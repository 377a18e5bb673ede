import tokens from "../../ui/tokens.css?raw";
import { Markup } from "./html";

/** The console's own colours, and how a report is laid out on a screen, a phone and on paper. */
export const STYLES = new Markup(`${tokens}
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.45 var(--sans); }
main { max-width: 70rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { margin: 0.2rem 0 1rem; font-size: 1.4rem; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 0.6rem; font-size: 1.05rem; }
header p { margin: 0; }
.quiet { color: var(--text-quiet); font-size: var(--small); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.2rem 1rem; margin: 0.5rem 0; font-size: 0.875rem; }
dt { color: var(--text-quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
.note { padding: 0.5rem 0.8rem; border: 1px solid var(--caught); border-radius: var(--radius); background: var(--caught-soft); }
.status { padding: 0.1rem 0.5rem; border-radius: 999px; background: var(--tone-soft); color: var(--tone); font-size: var(--small); font-weight: 600; white-space: nowrap; }
.tone-running { --tone: var(--running); --tone-soft: var(--running-soft); }
.tone-succeeded { --tone: var(--succeeded); --tone-soft: var(--succeeded-soft); }
.tone-failed { --tone: var(--failed); --tone-soft: var(--failed-soft); }
.tone-caught { --tone: var(--caught); --tone-soft: var(--caught-soft); }
.tone-aborted { --tone: var(--aborted); --tone-soft: var(--aborted-soft); }
.bar { fill: var(--tone-soft); stroke: var(--tone); }
.attempt { fill: var(--tone); }
svg { display: block; width: 100%; min-width: 40rem; }
svg text { fill: var(--text); font: 13px var(--sans); }
.wide { overflow-x: auto; }
details { margin: 0.35rem 0; }
td details { margin: 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
.step { padding: 0.5rem 0.8rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); }
pre { margin: 0.35rem 0; padding: 0.6rem 0.8rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--sunken); font: var(--small)/1.45 var(--mono); white-space: pre-wrap; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-size: var(--small); }
th, td { padding: 0.3rem 0.5rem; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top; }
th { color: var(--text-quiet); }
td:last-child { width: 45%; overflow-wrap: anywhere; }
@media print {
  :root { color-scheme: light; }
  main { max-width: none; padding: 0; }
  .step, tr { break-inside: avoid; }
  details::details-content { content-visibility: visible; }
  .wide { overflow: visible; }
}
`);
