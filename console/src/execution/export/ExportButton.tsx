import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { get } from "../../api/client";
import { Dialog } from "../../ui/Dialog";
import { Failure } from "../../ui/Failure";
import type { Story } from "../story";
import { EVENTS_MAX, readEvents } from "./events";
import "./export.css";

/** Saves the execution as one HTML file, for a bug report. */
export default function ExportButton({ arn, story }: { arn: string; story: Story }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="button" onClick={() => setOpen(true)}>
        Export
      </button>
      {open && <ExportDialog arn={arn} story={story} close={() => setOpen(false)} />}
    </>
  );
}

function ExportDialog({ arn, story, close }: { arn: string; story: Story; close: () => void }) {
  const [payloads, setPayloads] = useState(true);
  const [read, setRead] = useState(0);
  const stop = useRef(new AbortController());
  useEffect(() => {
    // In development the effect runs twice, and what was aborted once stays so.
    stop.current = new AbortController();
    return () => stop.current.abort();
  }, []);
  const saving = useMutation({
    mutationFn: () => save(arn, story, payloads, stop.current.signal, setRead),
    onSuccess: close,
  });
  return (
    <Dialog title="Export this execution" close={close}>
      <p className="export-text">
        One HTML file with the timeline, every step, up to {EVENTS_MAX.toLocaleString()} events and the
        definition. It opens in any browser, without a server.
      </p>
      <label className="export-choice">
        <input type="checkbox" checked={!payloads} onChange={(event) => setPayloads(!event.target.checked)} />
        <span>
          Without payloads
          <span className="quiet-text small export-hint">
            Leaves out inputs, outputs, variables, causes and task tokens. Names, errors and the definition
            stay.
          </span>
        </span>
      </label>
      {saving.error !== null && <Failure error={saving.error} />}
      <div className="row">
        <button
          type="button"
          className="button primary"
          disabled={saving.isPending}
          onClick={() => saving.mutate()}
        >
          Download
        </button>
        <span className="quiet-text small" role="status">
          {saving.isPending && `Reading events: ${read.toLocaleString()}`}
        </span>
      </div>
    </Dialog>
  );
}

async function save(
  arn: string,
  story: Story,
  payloads: boolean,
  signal: AbortSignal,
  tell: (events: number) => void,
): Promise<void> {
  const [{ exportDocument }, { withoutPayloads }, endpoint, { events, last }] = await Promise.all([
    import("./document"),
    import("./redact"),
    get("endpoint", {}, signal),
    readEvents(arn, signal, tell),
  ]);
  const whole = {
    page: story.page,
    definition: story.definition,
    steps: [...story.steps.values()],
    events,
    lastEvent: last,
    payloads,
    exportedAt: endpoint.now,
    version: endpoint.version,
  };
  download(fileName(story.page.execution.name), exportDocument(payloads ? whole : withoutPayloads(whole)));
}

function fileName(name: string): string {
  return `${name.replace(/[^\w.-]+/g, "_")}.html`;
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/html" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken the file by then; a blob that is not let go of stays in memory.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
