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

let engine: InstanceType<typeof ELK> | null = null;

/** One worker lays out for all pages: to read ELK takes longer than most layouts. */
function worker(): InstanceType<typeof ELK> {
  engine ??= new ELK({ workerFactory: () => new Worker(workerUrl) });
  return engine;
}

// It reads ELK while whoever has loaded this still waits for a definition.
worker();

/** A layout that takes too long takes its worker along. */
async function arranged(root: ElkNode): Promise<ElkNode> {
  const elk = worker();
  let timer = 0;
  const late = new Promise<never>((_, reject) => {
    timer = window.setTimeout(() => {
      elk.terminateWorker();
      if (engine === elk) engine = null;
      reject(new Error("The layout takes too long."));
    }, PATIENCE_MS);
  });
  try {
    return await Promise.race([elk.layout(root), late]);
  } finally {
    window.clearTimeout(timer);
  }
}
