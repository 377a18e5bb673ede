import { standardKeymap } from "@codemirror/commands";
import { type Extension, type Range, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap, ViewPlugin } from "@codemirror/view";
import { useEffect, useMemo, useRef, useState } from "react";
import { Json } from "../ui/Json";
import { type Place, placesOf, stateAt } from "./places";

const ABOVE_PIXELS = 40;

/** A definition's text. The caret selects the state that it is in, and the selected state's block is marked. */
export default function LinkedText({
  text,
  selected,
  select,
}: {
  text: string;
  selected: string | null;
  select: (state: string | null) => void;
}) {
  const [view, setView] = useState<EditorView | null>(null);
  const places = useMemo(() => placesOf(text), [text]);
  const latest = useRef({ places, select });
  latest.current = { places, select };
  const more = useMemo(
    () => linked(setView, (position) => latest.current.select(stateAt(latest.current.places, position))),
    [],
  );
  useEffect(() => {
    if (view !== null) choose(view, places.find(({ state }) => state === selected) ?? null);
  }, [view, places, selected]);
  return <Json text={text} label="Definition" more={more} />;
}

const chosen = StateEffect.define<Place | null>();

const chosenBlock = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, { effects, state }) {
    const effect = effects.findLast((one) => one.is(chosen));
    if (effect === undefined) return marks;
    const lines: Range<Decoration>[] = [];
    const place = effect.value as Place | null;
    for (let at = place?.from ?? 0; place !== null && at <= place.to; ) {
      const line = state.doc.lineAt(at);
      lines.push(Decoration.line({ class: "chosen-line" }).range(line.from));
      at = line.to + 1;
    }
    return Decoration.set(lines);
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** `opened` is told the view while there is one, `moved` where the reader has put the caret. */
function linked(opened: (view: EditorView | null) => void, moved: (position: number) => void): Extension {
  return [
    chosenBlock,
    EditorView.baseTheme({ ".chosen-line": { backgroundColor: "var(--accent-soft)" } }),
    keymap.of(standardKeymap),
    ViewPlugin.define((view) => {
      opened(view);
      return { destroy: () => opened(null) };
    }),
    EditorView.updateListener.of(({ transactions, state }) => {
      if (transactions.some((one) => one.isUserEvent("select"))) moved(state.selection.main.head);
    }),
  ];
}

/** Mark a block and bring it into sight, within the editor alone: on a phone the page stays where it is. */
function choose(view: EditorView, place: Place | null): void {
  view.dispatch({ effects: chosen.of(place) });
  if (place === null) return;
  const { top } = view.lineBlockAt(place.from);
  const { scrollTop, clientHeight } = view.scrollDOM;
  const inside = top >= scrollTop && top <= scrollTop + clientHeight - ABOVE_PIXELS;
  const { head } = view.state.selection.main;
  const read = view.hasFocus && head >= place.from && head <= place.to;
  if (!inside && !read) view.scrollDOM.scrollTop = Math.max(0, top - ABOVE_PIXELS);
}
