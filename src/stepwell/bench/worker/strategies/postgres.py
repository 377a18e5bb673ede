"""One transaction writes the record and that the request has changed it, or a step's result and its effect to come.

What is to be done outside goes into the outbox, and from there out when the transaction is in: by the invocation that
wrote it or, when that is dead, by a later delivery of the request. So nothing is sent for what was not done; what was
sent and not taken off is sent again.
"""

import json

from stepwell.bench.worker.call import Call, Conflict, InProgress, Record
from stepwell.bench.worker.strategies import items

__all__ = ["begin", "commit", "emit", "read", "write"]

_READ = """
SELECT value, version, EXISTS (SELECT FROM requests WHERE id = %(mark)s) AS applied FROM records WHERE id = %(id)s
"""
_MARK = "INSERT INTO requests (id) VALUES (%(id)s) ON CONFLICT DO NOTHING"
_WRITE = """
INSERT INTO records (id, value, version) VALUES (%(id)s, %(value)s, 1)
ON CONFLICT (id) DO UPDATE SET value = %(value)s, version = records.version + 1 WHERE records.version = %(version)s
"""
_RESULT = "INSERT INTO requests (id, result) VALUES (%(id)s, %(result)s) ON CONFLICT DO NOTHING"
_TO_SEND = "INSERT INTO outbox (id, type, taken_until) VALUES (%(id)s, %(type)s, 0)"
_TAKE = "UPDATE outbox SET taken_until = %(until)s WHERE id = %(id)s AND taken_until < %(now)s"
_SENT = "DELETE FROM outbox WHERE id = %(id)s"


def begin(call: Call) -> Record | None:
    """None when the step is to be done, else what it gave. Raises `InProgress` while another sends its effect."""
    found = call.stores.postgres.select("SELECT result FROM requests WHERE id = %(id)s", id=call.id)
    if found is None:
        return None
    _send(call)
    result: Record = json.loads(found["result"])
    return result


def read(call: Call, name: str) -> Record:
    found: Record | None = call.stores.postgres.select(_READ, id=name, mark=_mark(call, name))
    return found or {"value": 0, "version": 0}


def write(call: Call, name: str, record: Record) -> bool:
    change = {"id": name, "value": record["value"], "version": record["version"]}
    applied: bool = call.stores.postgres.transact((_MARK, {"id": _mark(call, name)}), (_WRITE, change))
    return applied


def emit(call: Call, type: str) -> Record:
    """Notes it for the outbox; the receipt is its place there."""
    call.notes[call.id] = type
    return {"sequence": f"{call.id}/{type}"}


def commit(call: Call, result: Record) -> None:
    """Writes the result and what is to be sent, and sends it. Raises `Conflict` when another was first."""
    writes = [(_RESULT, {"id": call.id, "result": json.dumps(result)})]
    if call.id in call.notes:
        writes.append((_TO_SEND, {"id": call.id, "type": call.notes[call.id]}))
    if not call.stores.postgres.transact(*writes):
        raise Conflict("another invocation has done this step")
    _send(call)


def _send(call: Call) -> None:
    """Has the effect that is in the outbox for this step, if any."""
    found = call.stores.postgres.select("SELECT type FROM outbox WHERE id = %(id)s", id=call.id)
    if found is None:
        return
    now = items.milliseconds()
    taken = {"id": call.id, "now": now, "until": now + call.remaining_milliseconds()}
    mine = True
    # guard: take
    mine = call.stores.postgres.transact((_TAKE, taken))
    # end guard
    if not mine:
        raise InProgress("another invocation sends this effect")
    call.effect(found["type"], None)
    call.stores.postgres.transact((_SENT, {"id": call.id}))


def _mark(call: Call, name: str) -> str:
    return f"{call.request}/{name}"
