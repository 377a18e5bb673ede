"""The operations of CloudWatch Logs that clients, `aws logs tail` and Terraform use, on Stepwell's own log service.

Neither the recordings nor the reference have texts of this service's errors, so the texts are ours; their codes are
the model's.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import msgspec

from stepwell.api.identity import Identity
from stepwell.api.paging import make_token, read_token
from stepwell.api.service import Handler, Members, Service
from stepwell.awsmodels.errors import ServiceError
from stepwell.logs import database
from stepwell.logs.database import DAY_MS, EVENT_OVERHEAD_BYTES, Entry, Event, Group, GroupKey, Place, Stream
from stepwell.logs.patterns import InvalidPattern, compile_filter

RETENTION_DAYS = frozenset(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
)
"""Source: the API reference of PutRetentionPolicy."""

EVENTS_MAX = 10_000
BATCH_BYTES_MAX = 1_048_576
DESCRIBED_MAX = TAGS_MAX = 50
OLDEST_MS, NEWEST_MS, SPAN_MS = 14 * DAY_MS, 7_200_000, DAY_MS
"""How old and how far ahead an event may be that is put, and how far apart those of one batch."""

TIME_MS_MAX = 2**53

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
"""What a page token may hold as a number: anybody can make one."""

_ARN = re.compile(r"arn:aws[a-z-]*:logs:([a-z0-9-]{1,32}):([0-9]{12}):log-group:([.\-_/#A-Za-z0-9]{1,512})(?::\*)?")
_POSITION = re.compile(r"[fb]/([0-9]{20})([0-9]{36})")


# --- groups


async def create_log_group(service: Service, who: Identity, request: Members) -> Members:
    if request.get("deletionProtectionEnabled"):
        raise ServiceError("UnsupportedOperation", "Stepwell does not protect log groups from deletion", 501)
    made = await service.logs.ask(
        database.create_group, _key(who, request), service.logs.now_ms, request.get("logGroupClass") or "STANDARD",
        request.get("kmsKeyId"), _tags(request),
    )  # fmt: skip
    if not made:
        raise ServiceError("ResourceAlreadyExistsException", "The specified log group already exists")
    return {}


async def delete_log_group(service: Service, who: Identity, request: Members) -> Members:
    _check_there(await service.logs.ask(database.delete_group, _key(who, request)))
    return {}


async def describe_log_groups(service: Service, who: Identity, request: Members) -> Members:
    prefix, part = request.get("logGroupNamePrefix"), request.get("logGroupNamePattern")
    if prefix and part:
        raise _invalid("logGroupNamePrefix and logGroupNamePattern are mutually exclusive")
    call = ("DescribeLogGroups", who, prefix, part)
    limit = request.get("limit") or DESCRIBED_MAX
    after = _page_start(service, call, request, str) or ""
    found = await service.logs.ask(
        database.groups, who.account, who.region, prefix or "", part or "", after, limit + 1
    )  # fmt: skip
    reply: dict[str, Any] = {"logGroups": [_group_shown(group) for group in found[:limit]]}
    if len(found) > limit:
        reply["nextToken"] = make_token(call, found[limit - 1].key.name, service.engine.clock.now())
    return reply


def _group_shown(group: Group) -> Members:
    optional = (("retentionInDays", group.retention_days), ("kmsKeyId", group.kms_key))
    return {
        "logGroupName": group.key.name,
        "creationTime": group.created_at_ms,
        "metricFilterCount": 0,
        "arn": f"{group.key.arn}:*",
        "storedBytes": group.stored_bytes,
        "logGroupClass": group.log_class,
        "logGroupArn": group.key.arn,
        **{name: value for name, value in optional if value is not None},
    }


async def put_retention_policy(service: Service, who: Identity, request: Members) -> Members:
    days = request["retentionInDays"]
    if days not in RETENTION_DAYS:
        raise _invalid(f"retentionInDays must be one of {sorted(RETENTION_DAYS)}, not {days}")
    _check_there(await service.logs.ask(database.set_retention, _key(who, request), days))
    return {}


async def delete_retention_policy(service: Service, who: Identity, request: Members) -> Members:
    _check_there(await service.logs.ask(database.set_retention, _key(who, request), None))
    return {}


async def tag_resource(service: Service, who: Identity, request: Members) -> Members:
    group = await _group(service, _key_of_arn(request["resourceArn"]))
    tags = {**group.tags, **_tags(request)}
    if len(tags) > TAGS_MAX:
        raise ServiceError("TooManyTagsException", f"A log group can have {TAGS_MAX} tags")
    await service.logs.ask(database.set_tags, group.id, tags)
    return {}


def _tags(request: Members) -> dict[str, str]:
    """Those of a request; one without a value has an empty one."""
    return {name: value or "" for name, value in (request.get("tags") or {}).items()}


async def untag_resource(service: Service, who: Identity, request: Members) -> Members:
    group = await _group(service, _key_of_arn(request["resourceArn"]))
    tags = {name: value for name, value in group.tags.items() if name not in request["tagKeys"]}
    await service.logs.ask(database.set_tags, group.id, tags)
    return {}


async def list_tags_for_resource(service: Service, who: Identity, request: Members) -> Members:
    return {"tags": (await _group(service, _key_of_arn(request["resourceArn"]))).tags}


# --- streams


async def create_log_stream(service: Service, who: Identity, request: Members) -> Members:
    group = await _group(service, _key(who, request))
    name = request["logStreamName"]
    if not await service.logs.ask(database.create_stream, group.id, name, service.logs.now_ms):
        raise ServiceError("ResourceAlreadyExistsException", "The specified log stream already exists")
    return {}


async def delete_log_stream(service: Service, who: Identity, request: Members) -> Members:
    group = await _group(service, _key(who, request))
    if not await service.logs.ask(database.delete_stream, group.id, request["logStreamName"]):
        raise _no_stream()
    return {}


async def describe_log_streams(service: Service, who: Identity, request: Members) -> Members:
    group = await _group(service, _identified(who, request))
    prefix, by_time = request.get("logStreamNamePrefix") or "", request.get("orderBy") == "LastEventTime"
    if prefix and by_time:
        raise _invalid("Cannot order by LastEventTime with a logStreamNamePrefix")
    descending = bool(request.get("descending"))
    call = ("DescribeLogStreams", group.id, prefix, by_time, descending)
    skip = _page_start(service, call, request, Count) or 0
    limit = request.get("limit") or DESCRIBED_MAX
    found = await service.logs.ask(database.streams, group.id, prefix, by_time, descending, skip, limit + 1)
    reply: dict[str, Any] = {"logStreams": [_stream_shown(group, stream) for stream in found[:limit]]}
    if len(found) > limit:
        reply["nextToken"] = make_token(call, skip + limit, service.engine.clock.now())
    return reply


def _stream_shown(group: Group, stream: Stream) -> Members:
    optional = (
        ("firstEventTimestamp", stream.first_event_ms),
        ("lastEventTimestamp", stream.last_event_ms),
        ("lastIngestionTime", stream.last_ingested_ms),
    )
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created_at_ms,
        "arn": f"{group.key.arn}:log-stream:{stream.name}",
        "storedBytes": 0,  # What AWS has said of every stream since 2019.
        **{name: value for name, value in optional if value is not None},
    }


# --- events


async def put_log_events(service: Service, who: Identity, request: Members) -> Members:
    """Store a batch. Events that are too old or too new are left out, and the reply says which."""
    key, name, given = _key(who, request), request["logStreamName"], request["logEvents"]
    group = await _group(service, key)
    if await service.logs.ask(database.stream, group.id, name) is None:
        raise _no_stream()
    times = [event["timestamp"] for event in given]
    if times != sorted(times):
        raise _invalid("Log events in a single PutLogEvents request must be in chronological order.")
    size = sum(len(event["message"].encode()) + EVENT_OVERHEAD_BYTES for event in given)
    if size > BATCH_BYTES_MAX:
        raise _invalid(f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES_MAX}")
    now = service.logs.now_ms
    expired = sum(at < now - DAY_MS * (group.retention_days or 10**6) for at in times)
    old, new = sum(at < now - OLDEST_MS for at in times), sum(at > now + NEWEST_MS for at in times)
    kept = given[max(old, expired) : len(given) - new]
    if kept and kept[-1]["timestamp"] - kept[0]["timestamp"] > SPAN_MS:
        raise _invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    for event in kept:
        service.logs.write(Entry(key, name, event["timestamp"], event["message"]))
    rejected: dict[str, int] = {}
    if new:
        rejected["tooNewLogEventStartIndex"] = len(given) - new
    if old:
        rejected["tooOldLogEventEndIndex"] = old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    # The model has the member still; the value says nothing any more and every client's is taken.
    return {"nextSequenceToken": f"{now:056d}", **({"rejectedLogEventsInfo": rejected} if rejected else {})}


async def get_log_events(service: Service, who: Identity, request: Members) -> Members:
    """One stream, a page forward or backward from a token; at either end the token that was given comes back."""
    group = await _group(service, _identified(who, request))
    if await service.logs.ask(database.stream, group.id, request["logStreamName"]) is None:
        raise _no_stream()
    token = request.get("nextToken")
    beyond = _place(token) if token else None
    backward = token.startswith("b") if token else not request.get("startFromHead")
    found, _ = await service.logs.ask(
        database.events, group, streams=[request["logStreamName"]], first_ms=_first(request),
        last_ms=_last(request) - 1, beyond=beyond, descending=backward, now_ms=service.logs.now_ms,
        limit=request.get("limit") or EVENTS_MAX,
    )  # fmt: skip
    page = found[::-1] if backward else found
    first, last = _ends(page, beyond, backward)
    return {
        "events": [_event_shown(event) for event in page],
        "nextForwardToken": f"f/{_position(last)}",
        "nextBackwardToken": f"b/{_position(first)}",
    }


def _ends(page: Sequence[Event], beyond: Place | None, backward: bool) -> tuple[Place, Place]:
    """The places before which the page before ends, and after which the next one begins."""
    if page:
        return page[0].place, page[-1].place
    at, id = beyond or (0, 0)
    # Each place is left out in its own direction, so the way back from an end has to begin one further.
    return ((at, id), (at, max(0, id - 1))) if backward else ((at, id + 1), (at, id))


async def filter_log_events(service: Service, who: Identity, request: Members) -> Members:
    """The events of a group that match a pattern, in the order of their time."""
    group = await _group(service, _identified(who, request))
    streams, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix") or ""
    if streams and prefix:
        raise _invalid("logStreamNames and logStreamNamePrefix are mutually exclusive")
    pattern = request.get("filterPattern") or ""
    try:
        matches = compile_filter(pattern)
    except InvalidPattern as error:
        raise _invalid(f"Invalid filter pattern: {error}") from None
    first_ms, last_ms = _first(request), _last(request)
    call = ("FilterLogEvents", group.id, streams, prefix, pattern, first_ms, last_ms)
    start = _page_start(service, call, request, tuple[bool, tuple[Count, Count]])
    descending = start[0] if start else request.get("startFromHead") is False
    page, goes_on = await service.logs.ask(
        database.events, group, streams=streams, prefix=prefix, first_ms=first_ms, last_ms=last_ms,
        beyond=start[1] if start else None, descending=descending, now_ms=service.logs.now_ms, matches=matches,
        limit=request.get("limit") or EVENTS_MAX,
    )  # fmt: skip
    reply: dict[str, Any] = {
        "events": [
            {"logStreamName": event.stream, **_event_shown(event), "eventId": _position(event.place)} for event in page
        ],
        "searchedLogStreams": [],  # What AWS has replied for every group since 2019.
    }
    if goes_on:
        reply["nextToken"] = make_token(call, (descending, goes_on), service.engine.clock.now())
    return reply


def _event_shown(event: Event) -> dict[str, Any]:
    return {"timestamp": event.at_ms, "message": event.message, "ingestionTime": event.ingested_at_ms}


def _first(request: Members) -> int:
    return min(request.get("startTime") or 0, TIME_MS_MAX)


def _last(request: Members) -> int:
    end = request.get("endTime")
    return TIME_MS_MAX if end is None else min(end, TIME_MS_MAX)


# --- what requests name


def _key(who: Identity, request: Members) -> GroupKey:
    return GroupKey(who.account, who.region, request["logGroupName"])


def _identified(who: Identity, request: Members) -> GroupKey:
    """The group that a request names by exactly one of logGroupName and logGroupIdentifier, a name or an ARN."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise _invalid("Exactly one of logGroupName and logGroupIdentifier must be specified")
    if identifier is not None and identifier.startswith("arn:"):
        return _key_of_arn(identifier)
    return GroupKey(who.account, who.region, name or identifier or "")


def parse_group_arn(arn: str) -> GroupKey | None:
    """The group of an ARN, with or without `:*` at its end; None for anything else."""
    found = _ARN.fullmatch(arn)
    return GroupKey(found[2], found[1], found[3]) if found else None


def _key_of_arn(arn: str) -> GroupKey:
    key = parse_group_arn(arn)
    if key is None:
        raise _invalid(f"{arn} is no ARN of a log group")
    return key


async def _group(service: Service, key: GroupKey) -> Group:
    group = await service.logs.ask(database.group, key)
    if group is None:
        raise _no_group()
    return group


def _check_there(found: bool) -> None:
    if not found:
        raise _no_group()


def _page_start(service: Service, call: tuple[object, ...], request: Members, cursor: Any) -> Any:
    try:
        return read_token(request.get("nextToken"), call, cursor, service.engine.clock.now())
    except ServiceError:
        raise _invalid("The specified nextToken is invalid.") from None


def _position(place: Place) -> str:
    """A place in 56 digits, as long as AWS's ids of events are."""
    return f"{place[0]:020d}{place[1]:036d}"


def _place(token: str) -> Place:
    found = _POSITION.fullmatch(token)
    if found is None or max(place := (int(found[1]), int(found[2]))) >= 2**62:
        raise _invalid("The specified nextToken is invalid.")
    return place


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def _no_group() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "The specified log group does not exist.")


def _no_stream() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "The specified log stream does not exist.")


OPERATIONS: dict[str, Handler] = {
    "CreateLogGroup": create_log_group,
    "DeleteLogGroup": delete_log_group,
    "DescribeLogGroups": describe_log_groups,
    "PutRetentionPolicy": put_retention_policy,
    "DeleteRetentionPolicy": delete_retention_policy,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
    "CreateLogStream": create_log_stream,
    "DeleteLogStream": delete_log_stream,
    "DescribeLogStreams": describe_log_streams,
    "PutLogEvents": put_log_events,
    "GetLogEvents": get_log_events,
    "FilterLogEvents": filter_log_events,
}
