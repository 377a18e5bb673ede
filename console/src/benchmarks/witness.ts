import type { Witness } from "./report";

/** The members of a recorded row that tell its story, in the order in which one reads them. */
const TOLD = [
  "sequence",
  "invoked_at",
  "returned_at",
  "kind",
  "type",
  "call",
  "key",
  "worker",
  "attempt",
  "status",
  "result",
];
const TIMES = new Set(["invoked_at", "returned_at"]);

/** The rows of a witness as a table has them: texts, and times from the first one on. */
export function rowsOf(witness: Witness): Map<string, string>[] {
  const times = witness.rows.map((row) => Number(row.get("invoked_at"))).filter(Number.isFinite);
  const first = Math.min(...times);
  return witness.rows.map(
    (row) =>
      new Map([...row].map(([name, json]) => [name, TIMES.has(name) ? after(json, first) : plain(json)])),
  );
}

/** The columns that at least one row has something in. */
export function columnsOf(rows: Map<string, string>[]): string[] {
  return TOLD.filter((name) => rows.some((row) => (row.get(name) ?? "") !== ""));
}

function after(json: string, first: number): string {
  const at = Number(json);
  return json !== "null" && Number.isFinite(at) ? `+${((at - first) * 1000).toFixed(1)} ms` : "";
}

/** A JSON text as one says it: texts without quotes, null as nothing. */
function plain(json: string): string {
  if (json === "null") return "";
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "string" ? value : json;
  } catch {
    return json;
  }
}
