"""The log database: its tables and everything that is asked of them.

Each function is a job for the one thread that owns the connection, and runs inside of a transaction. Events are in the
order of their time and, within a millisecond, of their arrival; an event's place is (at_ms, id).
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec

EVENT_OVERHEAD_BYTES = 26
"""What CloudWatch Logs counts for an event beside its message. Source: the documentation of PutLogEvents."""

STORED_BYTES_MAX = 1 << 30
"""Of all groups together; above it the largest group loses its oldest events."""

STORED_BYTES_AFTER_TRIM = STORED_BYTES_MAX * 9 // 10
TRIMMED_EVENTS = 2_000
"""How many events one round of trimming deletes."""

PAGE_BYTES_MAX = 1_048_576
"""Of the events of one reply. Source: the documentation of FilterLogEvents and GetLogEvents."""

LOOKED_AT_MAX, LOOKED_BYTES_MAX = 10_000, 16 << 20
"""How many events one call reads at most, whether they match or not."""

ROWS_PER_STATEMENT = 500

DAY_MS = 86_400_000

Place: TypeAlias = tuple[int, int]
"""Where an event stands: its time and its id."""

LAST: Place = (2**62, 2**62)


class GroupKey(NamedTuple):
    """What names a log group."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:aws:logs:{self.region}:{self.account}:log-group:{self.name}"


class Group(NamedTuple):
    """A log group. `retention_days` is None where its events are kept until room is needed."""

    id: int
    key: GroupKey
    log_class: str
    created_at_ms: int
    stored_bytes: int
    retention_days: int | None
    kms_key: str | None
    tags: dict[str, str]


class Stream(NamedTuple):
    """A log stream; the times of its events are None before the first."""

    id: int
    name: str
    created_at_ms: int
    first_event_ms: int | None
    last_event_ms: int | None
    last_ingested_ms: int | None


class Event(NamedTuple):
    """A stored event."""

    id: int
    at_ms: int
    ingested_at_ms: int
    message: str
    stream: str

    @property
    def place(self) -> Place:
        return self.at_ms, self.id


class Entry(NamedTuple):
    """An event to store. Its stream is made if there is none, its group only where `makes_group` says so."""

    group: GroupKey
    stream: str
    at_ms: int
    message: str
    makes_group: bool = False


def connect(path: Path | None) -> sqlite3.Connection:
    """A connection in autocommit mode to a file, which is made if there is none, or to memory."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # Private from the start: logs hold what functions were given.
    connection = sqlite3.connect(path or ":memory:", timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        # Unlike the journal, logs are not synced at each commit: what a power failure takes is in the histories.
        connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;")
        connection.executescript(resources.files("stepwell.logs").joinpath("schema.sql").read_text("utf-8"))
    except BaseException:
        connection.close()
        raise
    return connection


# --- groups

_GROUP = "id, account, region, name, class, created_at_ms, stored_bytes, retention_days, kms_key, tags"


def _group(row: Sequence[Any]) -> Group:
    id, account, region, name, log_class, created_at_ms, stored_bytes, retention_days, kms_key, tags = row
    found = msgspec.json.decode(tags, type=dict[str, str])
    key = GroupKey(account, region, name)
    return Group(id, key, log_class, created_at_ms, stored_bytes, retention_days, kms_key, found)


def create_group(
    connection: sqlite3.Connection,
    key: GroupKey,
    now_ms: int,
    log_class: str = "STANDARD",
    kms_key: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> bool:
    """Whether it was made: not where there is one of that name."""
    made = connection.execute(
        "INSERT INTO log_group (account, region, name, class, created_at_ms, kms_key, tags)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (*key, log_class, now_ms, kms_key, _json(tags or {})),
    )
    return made.rowcount > 0


def group(connection: sqlite3.Connection, key: GroupKey) -> Group | None:
    row = connection.execute(
        f"SELECT {_GROUP} FROM log_group WHERE account = ? AND region = ? AND name = ?", key
    ).fetchone()  # fmt: skip
    return _group(row) if row else None


def groups(
    connection: sqlite3.Connection, account: str, region: str, prefix: str, part: str, after: str, limit: int
) -> list[Group]:
    """Groups by name after `after` that begin with `prefix` and contain `part`."""
    rows = connection.execute(
        f"SELECT {_GROUP} FROM log_group WHERE account = ? AND region = ? AND name > ?"
        " AND substr(name, 1, length(?4)) = ?4 AND instr(name, ?5) > 0 ORDER BY name LIMIT ?6",
        (account, region, after, prefix, part, limit),
    )
    return [_group(row) for row in rows]


def delete_group(connection: sqlite3.Connection, key: GroupKey) -> bool:
    """Delete a group with all that is in it; whether there was one."""
    found = group(connection, key)
    if found is None:
        return False
    for table, column in (("log_event", "log_group"), ("log_stream", "log_group"), ("log_group", "id")):
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (found.id,))
    return True


def set_retention(connection: sqlite3.Connection, key: GroupKey, days: int | None) -> bool:
    """Whether there is such a group."""
    found = group(connection, key)
    if found is not None:
        connection.execute("UPDATE log_group SET retention_days = ? WHERE id = ?", (days, found.id))
    return found is not None


def set_tags(connection: sqlite3.Connection, group_id: int, tags: Mapping[str, str]) -> None:
    connection.execute("UPDATE log_group SET tags = ? WHERE id = ?", (_json(tags), group_id))


def _json(tags: Mapping[str, str]) -> str:
    return msgspec.json.encode(tags).decode()


# --- streams

_STREAM = "id, name, created_at_ms, first_event_ms, last_event_ms, last_ingested_ms"


def create_stream(connection: sqlite3.Connection, group_id: int, name: str, now_ms: int) -> bool:
    """Whether it was made: not where there is one of that name."""
    made = connection.execute(
        "INSERT INTO log_stream (log_group, name, created_at_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (group_id, name, now_ms),
    )
    return made.rowcount > 0


def stream(connection: sqlite3.Connection, group_id: int, name: str) -> Stream | None:
    row = connection.execute(
        f"SELECT {_STREAM} FROM log_stream WHERE log_group = ? AND name = ?", (group_id, name)
    ).fetchone()
    return Stream(*row) if row else None


def streams(
    connection: sqlite3.Connection, group_id: int, prefix: str, by_time: bool, descending: bool, skip: int, limit: int
) -> list[Stream]:
    """Streams that begin with `prefix`, by name or by the time of their last event, without the first `skip`."""
    direction = "DESC" if descending else "ASC"
    order = f"coalesce(last_event_ms, 0) {direction}, name" if by_time else f"name {direction}"
    rows = connection.execute(
        f"SELECT {_STREAM} FROM log_stream WHERE log_group = ?1 AND substr(name, 1, length(?2)) = ?2"
        f" ORDER BY {order} LIMIT ?3 OFFSET ?4",
        (group_id, prefix, limit, skip),
    )
    return [Stream(*row) for row in rows]


def delete_stream(connection: sqlite3.Connection, group_id: int, name: str) -> bool:
    """Delete a stream with its events; whether there was one."""
    found = stream(connection, group_id, name)
    if found is None:
        return False
    _delete_events(connection, "log_stream = ?", (found.id,))
    connection.execute("DELETE FROM log_stream WHERE id = ?", (found.id,))
    return True


# --- events


def insert(connection: sqlite3.Connection, entries: Sequence[Entry], now_ms: int) -> None:
    """Store events. Those for groups that are not there, and are not to be made, are dropped, as AWS drops them."""
    places: dict[tuple[GroupKey, str], tuple[int, int] | None] = {}
    rows = []
    for entry in entries:
        target = entry.group, entry.stream
        if target not in places:
            places[target] = _place(connection, entry, now_ms)
        found = places[target]
        if found is not None:
            size = len(entry.message.encode()) + EVENT_OVERHEAD_BYTES
            rows.append((*found, entry.at_ms, now_ms, size, entry.message))
    # Many rows by one statement: after each the driver has to wait for the interpreter's lock.
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        chunk = rows[start : start + ROWS_PER_STATEMENT]
        connection.execute(
            "INSERT INTO log_event (log_group, log_stream, at_ms, ingested_at_ms, bytes, message)"
            f" VALUES (?, ?, ?, ?, ?, ?){', (?, ?, ?, ?, ?, ?)' * (len(chunk) - 1)}",
            list(chain.from_iterable(chunk)),
        )
    _count(connection, rows, now_ms)


def _place(connection: sqlite3.Connection, entry: Entry, now_ms: int) -> tuple[int, int] | None:
    """The ids of the group and the stream that an entry goes to."""
    found = group(connection, entry.group)
    if found is None:
        if not entry.makes_group:
            return None
        create_group(connection, entry.group, now_ms)
        found = group(connection, entry.group)
    assert found is not None
    create_stream(connection, found.id, entry.stream, now_ms)
    stored = stream(connection, found.id, entry.stream)
    assert stored is not None
    return found.id, stored.id


def _count(connection: sqlite3.Connection, rows: Sequence[tuple[int, int, int, int, int, str]], now_ms: int) -> None:
    """Bring what groups and streams say of their events up to date with these new ones."""
    sizes: dict[int, int] = {}
    times: dict[int, list[int]] = {}
    for group_id, stream_id, at_ms, _, size, _ in rows:
        sizes[group_id] = sizes.get(group_id, 0) + size
        times.setdefault(stream_id, []).append(at_ms)
    connection.executemany(
        "UPDATE log_group SET stored_bytes = stored_bytes + ? WHERE id = ?", [(size, id) for id, size in sizes.items()]
    )
    connection.executemany(
        "UPDATE log_stream SET first_event_ms = min(coalesce(first_event_ms, ?1), ?1),"
        " last_event_ms = max(coalesce(last_event_ms, ?2), ?2), last_ingested_ms = ?3 WHERE id = ?4",
        [(min(found), max(found), now_ms, id) for id, found in times.items()],
    )


def events(
    connection: sqlite3.Connection,
    group: Group,
    *,
    streams: Sequence[str] | None = None,
    prefix: str = "",
    first_ms: int,
    last_ms: int,
    beyond: Place | None = None,
    descending: bool = False,
    now_ms: int,
    matches: Callable[[str], bool] = lambda message: True,
    limit: int,
) -> tuple[list[Event], Place | None]:
    """A page of the events from `first_ms` to `last_ms` inclusive, and the place to go on beyond, None at the end.

    `beyond` is the place that the page before ended at. `streams` are the only ones to look at, None for all whose
    names begin with `prefix`. A page may be empty before the end: it has looked at as much as one call may. What is
    past its group's retention is not there, whether it has been deleted or not.
    """
    if group.retention_days is not None:
        first_ms = max(first_ms, now_ms - group.retention_days * DAY_MS)
    direction, compare = ("DESC", "<") if descending else ("ASC", ">")
    at_ms, id = beyond or (LAST if descending else (-1, -1))
    wanted = [found.id for name in streams or () if (found := stream(connection, group.id, name))]
    chosen, arguments = _chosen(group.id, None if streams is None else wanted, prefix)
    # Read row by row: the indexes hold this order, so that what is not looked at costs nothing.
    rows = connection.execute(
        "SELECT e.id, e.at_ms, e.ingested_at_ms, e.message, s.name FROM log_event e JOIN log_stream s"
        f" ON s.id = e.log_stream WHERE {chosen} AND e.at_ms BETWEEN :first AND :last"
        f" AND (e.at_ms, e.id) {compare} (:at_ms, :id) ORDER BY e.at_ms {direction}, e.id {direction}",
        {**arguments, "first": first_ms, "last": last_ms, "at_ms": at_ms, "id": id},
    )
    page: list[Event] = []
    page_bytes = looked_bytes = 0
    passed: Place | None = None
    for count, event in enumerate(map(Event._make, rows)):
        size = len(event.message) + EVENT_OVERHEAD_BYTES
        if count == LOOKED_AT_MAX or looked_bytes > LOOKED_BYTES_MAX:
            return page, passed
        looked_bytes += size
        if matches(event.message):
            page_bytes += size
            if page and (page_bytes > PAGE_BYTES_MAX or len(page) == limit):
                return page, passed
            page.append(event)
        passed = event.place
    return page, None


def _chosen(group_id: int, streams: Sequence[int] | None, prefix: str) -> tuple[str, dict[str, Any]]:
    """The condition that an event is in one of the streams, which index serves it, and its arguments."""
    if streams is not None and len(streams) == 1:
        return "e.log_stream = :stream", {"stream": streams[0]}
    if streams is not None:
        # Numbers that come from the table itself; the + keeps SQLite on the index that has all of them in order.
        return f"e.log_group = :group AND +e.log_stream IN ({', '.join(map(str, streams))})", {"group": group_id}
    if prefix:
        condition = "e.log_group = :group AND substr(s.name, 1, length(:prefix)) = :prefix"
        return condition, {"group": group_id, "prefix": prefix}
    return "e.log_group = :group", {"group": group_id}


# --- room


def expire(connection: sqlite3.Connection, now_ms: int) -> None:
    """Delete what is past its group's retention."""
    rows = connection.execute("SELECT id, retention_days FROM log_group WHERE retention_days IS NOT NULL").fetchall()
    for id, days in rows:
        _delete_events(connection, "log_group = ? AND at_ms < ?", (id, now_ms - days * DAY_MS))


def trim(connection: sqlite3.Connection, most: int = STORED_BYTES_MAX, rest: int = STORED_BYTES_AFTER_TRIM) -> None:
    """Above `most` bytes, delete the oldest events of whichever group is the largest, until `rest` are left."""
    total = "SELECT coalesce(sum(stored_bytes), 0) FROM log_group"
    if connection.execute(total).fetchone()[0] <= most:
        return
    oldest = "SELECT id FROM log_event WHERE log_group = ? ORDER BY at_ms, id LIMIT ?"
    deleted = True
    while deleted and connection.execute(total).fetchone()[0] > rest:
        (largest,) = connection.execute("SELECT id FROM log_group ORDER BY stored_bytes DESC LIMIT 1").fetchone()
        deleted = _delete_events(connection, f"id IN ({oldest})", (largest, TRIMMED_EVENTS))


def _delete_events(connection: sqlite3.Connection, condition: str, arguments: tuple[int, ...]) -> bool:
    """Whether there were any."""
    sizes = connection.execute(
        f"SELECT log_group, sum(bytes) FROM log_event WHERE {condition} GROUP BY log_group", arguments
    ).fetchall()
    connection.execute(f"DELETE FROM log_event WHERE {condition}", arguments)
    connection.executemany(
        "UPDATE log_group SET stored_bytes = stored_bytes - ? WHERE id = ?", [(size, id) for id, size in sizes]
    )
    return bool(sizes)
