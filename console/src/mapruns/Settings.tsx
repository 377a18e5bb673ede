import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { stepFunctions } from "../api/aws";
import { Failure } from "../ui/Failure";
import { changed } from "./progress";
import type { MapRun } from "./useMapRun";

interface Bounds {
  [name: string]: number | undefined;
  maxConcurrency?: number;
  toleratedFailurePercentage?: number;
  toleratedFailureCount?: number;
}

/** The concurrency and the thresholds of a Map Run, which can be changed while it runs. */
export function Settings({ arn, run }: { arn: string; run: MapRun }) {
  const [editing, setEditing] = useState(false);
  const bounds: Bounds = {
    maxConcurrency: run.maxConcurrency,
    toleratedFailurePercentage: run.toleratedFailurePercentage,
    toleratedFailureCount: run.toleratedFailureCount,
  };
  const running = run.status === "RUNNING";
  return (
    <section className="card stack" aria-label="Concurrency and thresholds">
      <h2>Concurrency and thresholds</h2>
      {editing && running ? (
        <Form arn={arn} bounds={bounds} close={() => setEditing(false)} />
      ) : (
        <div className="row">
          <Shown bounds={bounds} />
          {running && (
            <button type="button" className="button spread" onClick={() => setEditing(true)}>
              Change …
            </button>
          )}
        </div>
      )}
    </section>
  );
}

function Shown({ bounds }: { bounds: Bounds }) {
  const { maxConcurrency = 0, toleratedFailurePercentage = 0, toleratedFailureCount = 0 } = bounds;
  const tolerated = [
    toleratedFailurePercentage > 0 && `${toleratedFailurePercentage} % of the items`,
    toleratedFailureCount > 0 && `${toleratedFailureCount.toLocaleString()} items`,
  ].filter((text) => text !== false);
  return (
    <dl className="map-run-figures">
      <div>
        <dt>Concurrency</dt>
        <dd>{maxConcurrency === 0 ? "no limit of its own" : `at most ${maxConcurrency.toLocaleString()}`}</dd>
      </div>
      <div>
        <dt>Tolerated failures</dt>
        <dd>{tolerated.length === 0 ? "none" : tolerated.join(", or ")}</dd>
      </div>
    </dl>
  );
}

function Form({ arn, bounds, close }: { arn: string; bounds: Bounds; close: () => void }) {
  const queries = useQueryClient();
  const update = useMutation({
    mutationFn: async (changes: Bounds) => {
      const { sdk, client } = await stepFunctions();
      await client.send(new sdk.UpdateMapRunCommand({ mapRunArn: arn, ...changes }));
      await queries.invalidateQueries({ queryKey: ["map-run", arn] });
    },
    onSuccess: close,
  });
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const wanted = Object.fromEntries(
      Object.keys(bounds).map((name) => [name, Number.parseFloat(String(fields.get(name)))]),
    );
    const changes = changed<Bounds>(wanted, bounds);
    if (changes === null) close();
    else update.mutate(changes);
  }
  return (
    <form className="stack" onSubmit={submit}>
      <div className="row">
        <label className="field">
          Max concurrency, 0 for no limit
          <input name="maxConcurrency" type="number" min={0} step={1} defaultValue={bounds.maxConcurrency} />
        </label>
        <label className="field">
          Tolerated failure percentage
          <input
            name="toleratedFailurePercentage"
            type="number"
            min={0}
            max={100}
            step="any"
            defaultValue={bounds.toleratedFailurePercentage}
          />
        </label>
        <label className="field">
          Tolerated failure count
          <input
            name="toleratedFailureCount"
            type="number"
            min={0}
            step={1}
            defaultValue={bounds.toleratedFailureCount}
          />
        </label>
      </div>
      {update.error !== null && <Failure error={update.error} />}
      <div className="row">
        <button type="submit" className="button primary" disabled={update.isPending}>
          Update
        </button>
        <button type="button" className="button" onClick={close}>
          Cancel
        </button>
      </div>
    </form>
  );
}
