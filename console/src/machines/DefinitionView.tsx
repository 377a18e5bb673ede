import { lazy, Suspense, useMemo } from "react";
import Graph from "../graph/Graph";
import { pretty } from "../ui/json";

const LinkedText = lazy(() => import("./LinkedText"));

const HEIGHT = "max(24rem, calc(100vh - 18.5rem))";

/** The graph and the text that it is drawn from, side by side. A state that is selected in one is so in the other. */
export function DefinitionView({
  definition,
  selected,
  select,
}: {
  definition: string;
  selected: string | null;
  select: (state: string | null) => void;
}) {
  const text = useMemo(() => pretty(definition), [definition]);
  return (
    <div className="definition-view" style={{ "--json-height": HEIGHT } as React.CSSProperties}>
      <Graph
        definition={definition}
        label=""
        visits={null}
        selected={selected}
        select={select}
        height={HEIGHT}
      />
      <Suspense fallback={<p className="empty">Loading …</p>}>
        <LinkedText text={text} selected={selected} select={select} />
      </Suspense>
    </div>
  );
}
