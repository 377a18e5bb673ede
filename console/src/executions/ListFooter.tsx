import type { Connection } from "../api/live";
import { useObserved } from "../ui/observable";
import { clock } from "../ui/time";
import type { Listed, Listing } from "./listing";

const CONNECTIONS: Record<Connection, string> = {
  connecting: "",
  live: "● Live",
  lost: "○ Connection lost, trying again",
  refused: "○ Not live: too many pages are open, or signing in is needed",
};

/** How far the list goes, and how to go on. */
export function ListFooter({ listing, connection }: { listing: Listing; connection: Connection }) {
  const listed = useObserved(listing);
  return (
    <footer className="row small quiet-text list-footer">
      <span role="status">{extent(listed, listing.isFull)}</span>
      {listed.reading === "paused" && (
        <button type="button" className="button" onClick={() => void listing.more()}>
          {listed.error === null ? "Search further back" : "Try again"}
        </button>
      )}
      <span className="spread">{CONNECTIONS[connection]}</span>
    </footer>
  );
}

function extent({ rows, before, searchedTo, reading }: Listed, isFull: boolean): string {
  const count = rows.items.length.toLocaleString();
  const found = `${count} ${rows.items.length === 1 ? "execution" : "executions"}`;
  if (isFull) return `The latest ${count} are shown. Narrow the filters to see older ones.`;
  if (before === null) return rows.items.length === 0 ? "" : `${found}, all that there are`;
  const back = searchedTo === null ? "" : ` back to ${clock(searchedTo)}`;
  if (reading === "no") return `${found}${back}; more as you scroll`;
  return reading === "yes" ? `${found}, searching${back} …` : `${found}, searched${back}`;
}
