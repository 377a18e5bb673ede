import { useEffect, useMemo } from "react";
import { type Connection, useLive } from "../api/live";
import { useObserved } from "../ui/observable";
import { type Filters, readFilters, writeFilters } from "./filters";
import { type Listed, Listing } from "./listing";

/** The executions that the filters let through, kept up to date while they are shown. */
export function useListing(filters: Filters): { listing: Listing; listed: Listed; connection: Connection } {
  const address = writeFilters(filters).toString();
  const listing = useMemo(() => new Listing(readFilters(new URLSearchParams(address))), [address]);
  useEffect(() => {
    listing.start();
    return () => listing.stop();
  }, [listing]);
  const connection = useLive(null, (news) => listing.hear(news));
  return { listing, listed: useObserved(listing), connection };
}
