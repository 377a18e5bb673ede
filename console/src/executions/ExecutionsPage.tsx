import { useCallback, useMemo, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { Failure } from "../ui/Failure";
import { BulkDialog } from "./BulkDialog";
import type { Action } from "./bulk";
import { ExecutionList } from "./ExecutionList";
import { FilterBar } from "./FilterBar";
import { type Filters, isFiltered, readFilters, writeFilters } from "./filters";
import { ListFooter } from "./ListFooter";
import { ListHead } from "./ListHead";
import { NOTHING_CHOSEN, toggle } from "./selection";
import { useListing } from "./useListing";
import "./executions.css";

/** Executions, the latest first: found by what the address says, and kept up to date. */
export default function ExecutionsPage() {
  const [search, setSearch] = useSearchParams();
  const filters = useMemo(() => readFilters(search), [search]);
  const change = (changed: Filters) => setSearch(writeFilters(changed), { replace: true });
  return (
    <div className="page executions">
      <h1>Executions</h1>
      <FilterBar filters={filters} change={change} />
      <Found key={writeFilters(filters).toString()} filters={filters} />
    </div>
  );
}

function Found({ filters }: { filters: Filters }) {
  const { listing, listed, connection } = useListing(filters);
  const [selection, setSelection] = useState(NOTHING_CHOSEN);
  const [action, setAction] = useState<Action | null>(null);
  const { items } = listed.rows;
  const arns = useRef<string[]>([]);
  arns.current = useMemo(() => items.map((item) => item.executionArn), [items]);
  const choose = useCallback((arn: string, range: boolean) => {
    setSelection((before) => toggle(before, arns.current, arn, range));
  }, []);
  const subject = () =>
    selection.all ? { filters } : { items: items.filter((item) => selection.chosen.has(item.executionArn)) };
  function close(ended: boolean) {
    setAction(null);
    if (ended) setSelection(NOTHING_CHOSEN);
  }
  return (
    <>
      {listed.error !== null && <Failure error={listed.error} />}
      <ExecutionList
        listing={listing}
        isFiltered={isFiltered(filters)}
        isChosen={(arn) => selection.all || selection.chosen.has(arn)}
        choose={choose}
        head={
          <ListHead
            arns={arns.current}
            selection={selection}
            select={setSelection}
            isAllShown={listed.before === null}
            act={setAction}
          />
        }
      />
      <ListFooter listing={listing} connection={connection} />
      {action !== null && <BulkDialog action={action} subject={subject} close={close} />}
    </>
  );
}
