import { useQuery } from "@tanstack/react-query";
import { type DragEvent, useState } from "react";
import { useSearchParams } from "react-router";
import { get } from "../api/client";
import { Failure } from "../ui/Failure";
import { ReportList } from "./ReportList";
import { ReportView } from "./ReportView";
import { parseReport, type Report, readReport } from "./report";
import "./benchmarks.css";

/** Reports of benchmark runs: from the server's folders, or from a file, which is read here and sent nowhere. */
export default function BenchmarksPage() {
  const [search, setSearch] = useSearchParams();
  const [opened, setOpened] = useState<{ report?: Report; error?: unknown }>({});
  const id = search.get("report");
  const served = useServed(id);
  const report = id === null ? opened.report : served.data;

  async function open(file: File | undefined) {
    if (file === undefined) return;
    setSearch({}, { replace: true });
    try {
      setOpened({ report: await readReport(file) });
    } catch (error) {
      setOpened({ error });
    }
  }

  function dropped(event: DragEvent) {
    event.preventDefault();
    void open(event.dataTransfer.files[0]);
  }

  function close() {
    setOpened({});
    setSearch({});
  }

  return (
    <section
      className="page"
      aria-label="Benchmarks"
      onDragOver={(event) => event.preventDefault()}
      onDrop={dropped}
    >
      <header className="row">
        <h1>Benchmarks</h1>
        <label className="button file spread">
          Open a report.json
          <input
            type="file"
            className="sr-only"
            accept="application/json,.json"
            onChange={(event) => {
              void open(event.target.files?.[0]);
              event.target.value = ""; // The same file can be opened again.
            }}
          />
        </label>
        {(report !== undefined || id !== null) && (
          <button type="button" className="button" onClick={close}>
            All reports
          </button>
        )}
      </header>
      {id === null && opened.error !== undefined && <Failure error={opened.error} />}
      {id !== null && served.error !== null && <Failure error={served.error} />}
      {id !== null && served.isPending && <p className="empty">Reading …</p>}
      {report !== undefined && <ReportView report={report} />}
      {report === undefined && id === null && <ReportList choose={(report) => setSearch({ report })} />}
    </section>
  );
}

function useServed(id: string | null) {
  return useQuery({
    queryKey: ["reports/one", id],
    queryFn: async ({ signal }) => parseReport((await get("reports/one", { id }, signal)).text),
    enabled: id !== null,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
}
