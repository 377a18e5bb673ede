"""Finding and counting executions in SQLite: what the console asks, without an index of its own."""

import sqlite3
from typing import Any

from stepwell.store.protocol import Found, Search
from stepwell.store.sqlite_commit import EXECUTION_COLUMNS, execution_row

_COLUMNS = ", ".join(EXECUTION_COLUMNS)

_LARGE = (
    "EXISTS (SELECT 1 FROM payload WHERE payload.journal = execution.journal AND payload.digest IN (input, output) "
    "AND instr(lower(CAST(payload.body AS TEXT)), :text))"
)
_IN_TEXT = (
    " OR ".join(
        f"(typeof({column}) = 'text' AND instr(lower({column}), :text))"
        for column in ("input", "output", "error", "cause")
    )
    + f" OR ((typeof(input) = 'blob' OR typeof(output) = 'blob') AND {_LARGE})"
)

# A covering index holds all of it, so the rows themselves are not read.
TALLY = (
    "SELECT state_machine, status, CASE WHEN started_at < :since THEN -1 "
    "ELSE CAST((started_at - :since) / :seconds AS INTEGER) END AS bucket, count(*) "
    "FROM execution WHERE instr(state_machine, ':stateMachine:') GROUP BY state_machine, status, bucket"
)


def find(connection: sqlite3.Connection, search: Search, before: int | None, limit: int, scan: int) -> Found:
    """As `Store.search`. Places are journals' numbers, so a page is a range of the table, read backwards."""
    end = connection.execute("SELECT coalesce(max(journal), 0) + 1 FROM execution").fetchone()[0]
    before = end if before is None else min(before, end)
    floor = max(0, before - scan)
    conditions, parameters = _conditions(search)
    rows = connection.execute(
        f"SELECT journal, {_COLUMNS} FROM execution WHERE journal >= :floor AND journal < :before "
        f"AND map_run IS NULL AND instr(state_machine, ':stateMachine:') {conditions} "
        "ORDER BY journal DESC LIMIT :limit",
        {**parameters, "floor": floor, "before": before, "limit": limit},
    ).fetchall()
    found = [execution_row(row[1:]) for row in rows]
    if len(rows) == limit:
        return Found(found, rows[-1][0])
    return Found(found, floor if floor > 1 else None)


def _conditions(search: Search) -> tuple[str, dict[str, Any]]:
    """In SQL, each with AND before it. The plus keeps SQLite from an index that would give another order."""
    conditions, parameters = "", dict[str, Any]()
    if search.state_machine is not None:
        conditions += " AND +state_machine = :state_machine"
        parameters["state_machine"] = search.state_machine
    if search.statuses is not None:
        names = {f"status{number}": status for number, status in enumerate(sorted(search.statuses))}
        conditions += f" AND +status IN ({', '.join(f':{name}' for name in names)})"
        parameters |= names
    for name, operator in (("started_from", ">="), ("started_before", "<")):
        if getattr(search, name) is not None:
            conditions += f" AND +started_at {operator} :{name}"
            parameters[name] = getattr(search, name)
    if search.name is not None:
        conditions += " AND instr(lower(name), :name)"
        parameters["name"] = _lower(search.name)
    if search.text is not None:
        conditions += f" AND ({_IN_TEXT})"
        parameters["text"] = _lower(search.text)
    return conditions, parameters


def _lower(text: str) -> str:
    """As SQLite's lower(): ASCII letters alone."""
    return text.encode().lower().decode()
