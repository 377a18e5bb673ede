import { useEffect, useMemo, useState } from "react";
import type { Visits } from "../execution/story";
import { Note } from "../ui/Status";
import { modelOf } from "./definition";
import { LookContext } from "./look";
import { States } from "./States";
import "./graph.css";

/** What draws is a part of its own, which need not wait for the definition. */
const drawing = import("./Canvas");

type Drawing = Awaited<typeof drawing>;

/** What draws, once it is loaded. React's `lazy` would hold it back a third of a second after the page around it. */
function useDrawing(): Drawing | null {
  const [loaded, setLoaded] = useState<Drawing | null>(null);
  useEffect(() => {
    drawing.then(setLoaded, (error: unknown) =>
      setLoaded(() => {
        throw error;
      }),
    );
  }, []);
  return loaded;
}

/**
 * The graph of a definition. With `label` it is that of the Distributed Map's children. `visits` colours it as an
 * execution went; `selected` is the name of a state.
 */
export default function Graph({
  definition,
  label,
  visits,
  selected,
  select,
  height = "32rem",
}: {
  definition: string;
  label: string;
  visits: Map<string, Visits> | null;
  selected: string | null;
  select: (state: string | null) => void;
  height?: string;
}) {
  const drawn = useDrawing();
  const model = useMemo(() => modelOf(definition, label), [definition, label]);
  const look = useMemo(() => ({ visits, selected, select }), [visits, selected, select]);
  return (
    <LookContext value={look}>
      <section className="graph stack" aria-label="Graph">
        {model.problem !== null && <Note kind="caught">{model.problem}</Note>}
        {model.nodes.length > 0 && (
          <>
            <div className="graph-pane" style={{ height }}>
              {drawn === null ? (
                <p className="empty">Loading …</p>
              ) : (
                <drawn.default model={model} id={`${label}\n${definition}`} />
              )}
            </div>
            <States nodes={model.nodes} />
          </>
        )}
      </section>
    </LookContext>
  );
}
