import ELK, { type ElkNode } from "elkjs/lib/elk-api.js";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";
import { Bounded } from "./bounded";
import type { Model } from "./definition";
import { fromElk, type Layout, toElk } from "./layout";

const KEPT = 12;
const PATIENCE_MS = 60_000;

const known = new Bounded<string, Promise<Layout>>(KEPT);

/**
 * The layout of a model, made in a worker. `key` stands for the model: an equal one has the same layout, which is kept.
 * Rejects where the layout takes more than a minute, so that no definition keeps a processor busy.
 */
export function layoutOf(model: Model, key: string): Promise<Layout> {
  const kept = known.get(key);
  if (kept !== undefined) return kept;
  const made = arranged(toElk(model)).then((root) => fromElk(model, root));
  known.set(key, made);
  made.catch(() => known.delete(key));
  return made;
}

interface Engine {
  elk: InstanceType<typeof ELK>;
  /** Rejects when the worker cannot be loaded or breaks. */
  broken: Promise<never>;
}

let engine: Engine | null = null;

/** One worker lays out for all pages: to read ELK takes longer than most layouts. */
function running(): Engine {
  engine ??= started();
  return engine;
}

function started(): Engine {
  const { promise: broken, reject } = Promise.withResolvers<never>();
  broken.catch(() => {
    engine = null;
  });
  const elk = new ELK({
    workerFactory: () => {
      const worker = new Worker(workerUrl);
      worker.addEventListener("error", () =>
        reject(new Error("The worker that lays out graphs cannot be loaded.")),
      );
      return worker;
    },
  });
  return { elk, broken };
}

// It reads ELK while whoever has loaded this still waits for a definition.
running();

/** A layout that takes too long takes its worker along. */
async function arranged(root: ElkNode): Promise<ElkNode> {
  const { elk, broken } = running();
  let timer = 0;
  const late = new Promise<never>((_, reject) => {
    timer = window.setTimeout(() => {
      elk.terminateWorker();
      if (engine?.elk === elk) engine = null;
      reject(new Error("The layout takes too long."));
    }, PATIENCE_MS);
  });
  try {
    return await Promise.race([elk.layout(root), broken, late]);
  } finally {
    window.clearTimeout(timer);
  }
}
