import { type ReactNode, useState } from "react";
import { useObserved } from "../ui/observable";
import { NARROW, useMedia } from "../ui/useMedia";
import { VirtualRows } from "../ui/VirtualRows";
import { ExecutionRow } from "./ExecutionRow";
import type { Listing } from "./listing";
import { FRESH_MAX, type Rows } from "./rows";

/** Older ones are read when so many rows are left below. */
const AHEAD = 100;

/** The rows. While somebody reads further down nothing moves, and a button tells what is new. */
export function ExecutionList({
  listing,
  isFiltered,
  isChosen,
  choose,
  head,
}: {
  listing: Listing;
  isFiltered: boolean;
  isChosen: (arn: string) => boolean;
  choose: (arn: string, range: boolean) => void;
  head: ReactNode;
}) {
  const { rows, before, reading } = useObserved(listing);
  const narrow = useMedia(NARROW);
  const [beginnings, setBeginnings] = useState(0);
  function begin() {
    listing.start();
    setBeginnings(beginnings + 1);
  }
  function seen(first: number, last: number) {
    listing.follow(first === 0);
    if (last >= rows.items.length - AHEAD && reading === "no") void listing.more();
  }
  if (rows.items.length === 0) {
    if (before === null) return <NothingFound isFiltered={isFiltered} />;
    return <p className="empty">{reading === "paused" ? "Nothing found yet." : "Loading …"}</p>;
  }
  return (
    <div className="execution-list">
      {head}
      {newsOf(rows) !== null && (
        <button type="button" className="button primary fresh" onClick={begin}>
          {newsOf(rows)}
        </button>
      )}
      <VirtualRows
        key={`${beginnings} ${narrow}`}
        count={rows.items.length}
        rowHeight={narrow ? 84 : 38}
        height="100%"
        label="Executions, the latest first"
        seen={seen}
        row={(index) => {
          const item = rows.items[index];
          return item && <ExecutionRow item={item} chosen={isChosen(item.executionArn)} choose={choose} />;
        }}
      />
    </div>
  );
}

function newsOf({ fresh, stale }: Rows): string | null {
  if (stale || fresh.size >= FRESH_MAX) return "Many new: show them";
  return fresh.size === 0 ? null : `${fresh.size.toLocaleString()} new`;
}

function NothingFound({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) {
    return <p className="empty">No execution matches these filters.</p>;
  }
  return (
    <div className="empty">
      <p>No execution has been started yet.</p>
      <p>
        <code>stepwell run NAME --input '{"{}"}'</code> starts one, as do the state machine's page and every
        AWS SDK.
      </p>
    </div>
  );
}
