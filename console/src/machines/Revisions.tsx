import { useMemo, useState } from "react";
import type { RevisionDetail, RevisionItem } from "../api/types";
import { Failure } from "../ui/Failure";
import { Json } from "../ui/Json";
import { pretty } from "../ui/json";
import { Scrolled } from "../ui/Scrolled";
import { Time } from "../ui/Time";
import { differencesOf } from "./differences";
import { useRevision, useRevisions } from "./queries";

/** Every revision of a machine, and what differs between any two of them. */
export function Revisions({ arn }: { arn: string }) {
  const { data: revisions, error } = useRevisions(arn);
  if (error !== null) return <Failure error={error} />;
  if (revisions === undefined) return <p className="empty">Loading …</p>;
  return (
    <div className="stack">
      <Scrolled label="Revisions">
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">Revision</th>
              <th scope="col">Created</th>
              <th scope="col">Published as</th>
            </tr>
          </thead>
          <tbody>
            {revisions.map(({ id, number, createdAt, current, versions }) => (
              <tr key={id}>
                <th scope="row">
                  {number} {current && <span className="quiet-text">· current</span>}
                </th>
                <td>
                  <Time at={createdAt} />
                </td>
                <td>{versions.map((version) => `Version ${version}`).join(", ")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolled>
      {revisions.length > 1 && <Comparison revisions={revisions} />}
    </div>
  );
}

/** At first the latest change. */
function Comparison({ revisions }: { revisions: RevisionItem[] }) {
  const [before, setBefore] = useState(revisions[1]?.id ?? "");
  const [after, setAfter] = useState(revisions[0]?.id ?? "");
  return (
    <section className="stack" aria-labelledby="comparison">
      <h2 id="comparison">Compare</h2>
      <div className="row">
        <Choice label="From" revisions={revisions} chosen={before} choose={setBefore} />
        <Choice label="To" revisions={revisions} chosen={after} choose={setAfter} />
      </div>
      <Loaded before={before} after={after} />
    </section>
  );
}

function Choice({
  label,
  revisions,
  chosen,
  choose,
}: {
  label: string;
  revisions: RevisionItem[];
  chosen: string;
  choose: (id: string) => void;
}) {
  return (
    <label className="field">
      {label}
      <select value={chosen} onChange={(event) => choose(event.target.value)}>
        {revisions.map(({ id, number, current }) => (
          <option key={id} value={id}>
            Revision {number}
            {current ? ", current" : ""}
          </option>
        ))}
      </select>
    </label>
  );
}

function Loaded({ before, after }: { before: string; after: string }) {
  const [old, now] = [useRevision(before), useRevision(after)];
  const error = old.error ?? now.error;
  if (error !== null) return <Failure error={error} />;
  if (old.data === undefined || now.data === undefined) return <p className="empty">Loading …</p>;
  return <Difference before={old.data} after={now.data} />;
}

function Difference({ before, after }: { before: RevisionDetail; after: RevisionDetail }) {
  const lines = useMemo(() => summaryOf(before, after), [before, after]);
  const [old, now] = [pretty(before.definition), pretty(after.definition)];
  return (
    <>
      {lines.length === 0 ? (
        <p className="quiet-text">Nothing differs.</p>
      ) : (
        <dl className="facts">
          {lines.map(([what, names]) => (
            <div key={what} className="fact">
              <dt>{what}</dt>
              <dd>{names}</dd>
            </div>
          ))}
        </dl>
      )}
      {old !== now && (
        <Json text={now} before={old} label={`Revision ${after.number} compared with ${before.number}`} />
      )}
    </>
  );
}

/** What differs in words, each with what it is about. */
function summaryOf(before: RevisionDetail, after: RevisionDetail): [string, string][] {
  const { added, removed, changed, fields } = differencesOf(before.definition, after.definition);
  const settings: [string, string, string][] = [
    ["Role", before.role, after.role],
    ["Logging level", before.logLevel, after.logLevel],
    ["Tracing", before.tracing ? "on" : "off", after.tracing ? "on" : "off"],
  ];
  const lines: [string, string][] = [
    ["States added", added.join(", ")],
    ["States removed", removed.join(", ")],
    ["States changed", changed.map(({ state, fields }) => `${state} (${fields.join(", ")})`).join(", ")],
    ["Top level", fields.join(", ")],
    ...settings.map(([what, old, now]): [string, string] => [what, old === now ? "" : `${old} → ${now}`]),
  ];
  return lines.filter(([, text]) => text !== "");
}
