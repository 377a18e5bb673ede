import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json, jsonParseLinter } from "@codemirror/lang-json";
import { bracketMatching, foldGutter, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { linter } from "@codemirror/lint";
import { unifiedMergeView } from "@codemirror/merge";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

/** The one place that knows the editor: JSON to read, to edit and to compare. Loaded when the first JSON is shown. */

const COLOURS = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.string, color: "var(--succeeded)" },
  { tag: tags.number, color: "var(--running)" },
  { tag: [tags.bool, tags.null], color: "var(--caught)" },
]);

const THEME = EditorView.theme({
  "&": {
    maxHeight: "var(--json-height, 22rem)",
    backgroundColor: "transparent",
    color: "var(--text)",
    fontSize: "var(--small)",
  },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  ".cm-content": { fontFamily: "var(--mono)", caretColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--text-quiet)", border: "none" },
  ".cm-scroller": { overflow: "auto", maxHeight: "inherit" },
  // Lines that differ have the soft colours, on which every colour of the syntax can be read; the words are underlined.
  "& .cm-deletedChunk": { backgroundColor: "var(--failed-soft)" },
  "&.cm-merge-b .cm-changedLine": { backgroundColor: "var(--succeeded-soft)" },
  "& .cm-deletedChunk .cm-deletedText": { background: "none", textDecoration: "line-through var(--failed)" },
  "&.cm-merge-b .cm-changedText": { background: "none", textDecoration: "underline var(--succeeded)" },
});

/** Differences in the tokens' colours: the text on them stays legible. A line tells old from new by the bar beside it. */
const COMPARED = EditorView.theme({
  ".cm-deletedChunk": { backgroundColor: "var(--failed-soft)" },
  "&.cm-merge-b .cm-changedLine": { backgroundColor: "var(--succeeded-soft)" },
  "&.cm-merge-b .cm-changedText, &.cm-merge-b .cm-deletedChunk .cm-deletedText": {
    background: "none",
    textDecoration: "underline",
  },
  "&.cm-merge-b .cm-deletedChunk *": { color: "var(--text)" },
  "&.cm-merge-b .cm-changedLine *": { color: "var(--text)" },
  "&.cm-merge-b .cm-deletedLineGutter": { background: "var(--failed)" },
  "&.cm-merge-b .cm-changedLineGutter": { background: "var(--succeeded)" },
  "&.cm-editor .cm-collapsedLines": {
    background: "var(--surface)",
    color: "var(--text-quiet)",
    "&:before, &:after": { content: '"···"' },
  },
});

const COMMON: Extension[] = [
  json(),
  lineNumbers(),
  foldGutter(),
  bracketMatching(),
  syntaxHighlighting(COLOURS),
  EditorView.lineWrapping,
  THEME,
];

/** What is equal over many lines is folded away, and opens by a click. */
const DIFFERENCES = { mergeControls: false, collapseUnchanged: { margin: 3, minSize: 8 } };

export interface Shown {
  text: string;
  label: string;
  /** Show what differs from this text. */
  before?: string;
  /** Told of each edit; without it the text is only to be read. */
  edit?: (text: string) => void;
  /** More behaviour, for example a link from the caret to a graph. */
  more?: Extension;
}

export function show(parent: HTMLElement, { text, label, before, edit, more }: Shown): EditorView {
  const reading =
    edit === undefined ? [EditorState.readOnly.of(true), EditorView.editable.of(false)] : editing(edit);
  const named = EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" });
  const differing =
    before === undefined ? [] : [COMPARED, unifiedMergeView({ original: before, ...DIFFERENCES })];
  // The editor makes its style sheets itself. In a shadow tree it adopts them; in the document the policy forbids them.
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: "open" });
  return new EditorView({
    parent: root,
    root,
    doc: text,
    extensions: [...COMMON, reading, named, differing, more ?? []],
  });
}

function editing(edit: (text: string) => void): Extension[] {
  const told = EditorView.updateListener.of((update) => {
    if (update.docChanged) edit(update.state.doc.toString());
  });
  return [history(), keymap.of([...defaultKeymap, ...historyKeymap]), linter(jsonParseLinter()), told];
}
