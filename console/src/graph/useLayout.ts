import { useEffect, useState } from "react";
import type { Model } from "./definition";
import type { Layout } from "./layout";
import { layoutOf } from "./layouts";

/** The layout of a model once it is made. The one before is not shown for another model. */
export function useLayout(model: Model, key: string): { layout: Layout | null; error: unknown } {
  const [made, setMade] = useState<{ key: string; layout: Layout | null; error: unknown } | null>(null);
  useEffect(() => {
    let gone = false;
    layoutOf(model, key).then(
      (layout) => gone || setMade({ key, layout, error: null }),
      (error: unknown) => gone || setMade({ key, layout: null, error }),
    );
    return () => {
      gone = true;
    };
  }, [model, key]);
  return made?.key === key ? made : { layout: null, error: null };
}
