import { type MouseEvent, memo } from "react";
import { Link } from "react-router";
import type { ExecutionItem } from "../api/types";
import { nameOf, to } from "../app/links";
import { briefCause } from "../execution/readCause";
import { Status } from "../ui/Status";
import { Lasted, Time } from "../ui/Time";

/** One execution in the list. */
export const ExecutionRow = memo(function ExecutionRow({
  item,
  chosen,
  choose,
}: {
  item: ExecutionItem;
  chosen: boolean;
  choose: (arn: string, range: boolean) => void;
}) {
  return (
    <div className="execution-row" data-chosen={chosen}>
      <input
        type="checkbox"
        className="cell-choice"
        checked={chosen}
        aria-label={`Select ${item.name}`}
        onClick={(event: MouseEvent) => choose(item.executionArn, event.shiftKey)}
        readOnly
      />
      <span className="cell-status">
        <Status status={item.status} />
      </span>
      <Link className="cell-name" to={to.execution(item.executionArn)} data-row title={item.name}>
        {item.name}
      </Link>
      <Link className="cell-machine" to={to.machine(item.stateMachineArn)}>
        {nameOf(item.stateMachineArn)}
      </Link>
      <span className="cell-started">
        <Time at={item.startedAt} brief />
      </span>
      <span className="cell-lasted">
        <Lasted from={item.startedAt} to={item.stoppedAt} />
      </span>
      <Remarks item={item} />
    </div>
  );
});

function Remarks({ item }: { item: ExecutionItem }) {
  const said = [item.error, item.cause && briefCause(item.cause)]
    .filter((text) => text !== null && text !== "")
    .join(": ");
  return (
    <span className="cell-remarks">
      {item.redriveCount > 0 && <span className="remark tone-running">redriven {item.redriveCount}×</span>}
      {item.warnings.length > 0 && (
        <span className="remark tone-caught" title={item.warnings.join("\n")}>
          ⚠ {item.warnings.length} {item.warnings.length === 1 ? "warning" : "warnings"}
        </span>
      )}
      <span className="cell-error" title={said}>
        {said}
      </span>
    </span>
  );
}
