"""Each record and claim is an object, replaced only while it is the one that was read: If-Match on its ETag.

A new one is made only while there is none: If-None-Match. S3 has neither transactions nor expiry; a claim says itself
until when it is good, and who comes later replaces it.
"""

import json
from typing import Any

from botocore.exceptions import ClientError

from stepwell.bench.worker.call import Call, Conflict, InProgress, Record
from stepwell.bench.worker.strategies import items
from stepwell.bench.worker.strategies.blind import emit

__all__ = ["begin", "commit", "emit", "read", "write"]

_REFUSED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})


def begin(call: Call) -> Record | None:
    """Claims the step: None when it is ours, else what whoever had it gave. Raises `InProgress`."""
    claim, version = _get(call, call.id)
    if "result" in claim:
        return claim["result"]  # type: ignore[no-any-return]
    # guard: claim
    if claim.get("expires_at", 0) >= items.milliseconds():
        raise InProgress("another invocation is at this step")
    # end guard
    until = items.milliseconds() + call.remaining_milliseconds()
    call.notes[call.id] = _put(call, call.id, {"expires_at": until}, version)
    if not call.notes[call.id]:
        raise InProgress("another invocation has just begun this step")
    return None


def read(call: Call, name: str) -> Record:
    found, version = _get(call, name)
    record: Record = {"value": 0, "requests": []} | found | {"version": version}
    # guard: seen
    record["applied"] = call.request in record["requests"]
    # end guard
    return record


def write(call: Call, name: str, record: Record) -> bool:
    requests = [*record["requests"], call.request][-items.REMEMBERED :]
    return bool(_put(call, name, {"value": record["value"], "requests": requests}, record["version"]))


def commit(call: Call, result: Record) -> None:
    """Writes the result down. Raises `Conflict` when another has taken the claim over meanwhile."""
    if not _put(call, call.id, {"result": result}, call.notes[call.id]):
        raise Conflict("another invocation has taken over this step")


def _get(call: Call, name: str) -> tuple[Record, str | None]:
    """The object's content and ETag; nothing and None when there is none."""
    try:
        found = call.stores.s3.get_object(Bucket=call.names["bucket"], Key=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return {}, None
        raise
    return json.loads(found["Body"].read()), found["ETag"]


def _put(call: Call, name: str, content: Record, version: str | None) -> str | None:
    """Its new ETag; None when it is not any more the one that was read."""
    condition: dict[str, Any] = {}
    # guard: version
    condition = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
    # end guard
    try:
        put = call.stores.s3.put_object(Bucket=call.names["bucket"], Key=name, Body=json.dumps(content), **condition)
    except ClientError as error:
        if error.response["Error"]["Code"] in _REFUSED:
            return None
        raise
    return str(put["ETag"])
