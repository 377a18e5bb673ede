import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import type { Data } from "../api/types";
import type { Shown } from "./codemirror";
import { pretty } from "./json";
import { bytes } from "./time";

/** A JSON text to read, or to compare with one `before` it. */
export function Json({ text, label, before, more }: Omit<Shown, "edit">) {
  const element = useRef<HTMLDivElement>(null);
  useView(element, text, label, before, undefined, more);
  return <div className="json" ref={element} />;
}

/** A JSON text to edit. What is given at first stays where it is: a new `key` begins with another text. */
export function JsonEditor({
  text,
  label,
  edit,
}: {
  text: string;
  label: string;
  edit: (text: string) => void;
}) {
  const element = useRef<HTMLDivElement>(null);
  const [first] = useState(text);
  const latest = useRef(edit);
  latest.current = edit;
  const told = useCallback((changed: string) => latest.current(changed), []);
  useView(element, first, label, undefined, told, undefined);
  return <div className="json" ref={element} />;
}

function useView(
  element: RefObject<HTMLDivElement | null>,
  text: string,
  label: string,
  before: string | undefined,
  edit: Shown["edit"],
  more: Shown["more"],
): void {
  useEffect(() => {
    let gone = false;
    let destroy = () => {};
    void import("./codemirror").then(({ show }) => {
      if (gone || element.current === null) return;
      const view = show(element.current, { text, label, before, edit, more });
      destroy = () => view.destroy();
    });
    return () => {
      gone = true;
      destroy();
    };
  }, [element, text, label, before, edit, more]);
}

/** A payload of the server's, laid out. */
export function Payload({ data, label, before }: { data: Data; label: string; before?: Data }) {
  if (data.text === null) {
    return (
      <p className="quiet-text">
        {bytes(data.bytes)}: too large to be shown here. AWS's calls give it whole.
      </p>
    );
  }
  const earlier = before?.text === undefined || before.text === null ? undefined : pretty(before.text);
  return <Json text={pretty(data.text)} label={label} before={earlier} />;
}
