"""Hot partition: a log that is keyed by its day."""

import random
from typing import TYPE_CHECKING

from stepwell.bench.pitfalls.pairs import Figure, Figures, Pair, judged
from stepwell.bench.worker.call import Call, Event, Record

if TYPE_CHECKING:
    from stepwell.bench.pitfalls.stage import Stage

_SUFFIXES = 16
_WRITES = 120
_WRITES_PER_SECOND = 10.0
"""Of a partition here. AWS's are 1,000, which no laptop's load would reach."""


def broken_append(call: Call, event: Event) -> Record:
    day = event["day"]
    item = {"day": {"S": day}, "id": {"S": call.request}}
    call.stores.dynamodb.put_item(TableName=call.names["log"], Item=item)
    return {}


def fixed_append(call: Call, event: Event) -> Record:
    day = f"{event['day']}#{random.randrange(_SUFFIXES)}"
    item = {"day": {"S": day}, "id": {"S": call.request}}
    call.stores.dynamodb.put_item(TableName=call.names["log"], Item=item)
    return {}


def broken_list(call: Call, event: Event) -> Record:
    return {"found": _partition(call, event["day"])}


def fixed_list(call: Call, event: Event) -> Record:
    days = [f"{event['day']}#{suffix}" for suffix in range(_SUFFIXES)]
    return {"found": [id for day in days for id in _partition(call, day)]}


def _partition(call: Call, day: str) -> list[str]:
    pages = call.stores.dynamodb.get_paginator("query").paginate(
        TableName=call.names["log"], ConsistentRead=True, KeyConditionExpression="#day = :day",
        ExpressionAttributeNames={"#day": "day"}, ExpressionAttributeValues={":day": {"S": day}},
    )  # fmt: skip
    return [item["id"]["S"] for page in pages for item in page["Items"]]


def _measure(stage: "Stage", variant: str) -> Figures:
    from stepwell.bench.oracles.anomalies import missing_changes, verdict
    from stepwell.bench.parts.dynamodb_layer.layer import Behaviours, PartitionLimits
    from stepwell.bench.parts.dynamodb_layer.limits import THROTTLED
    from stepwell.bench.pitfalls.stage import acknowledgement, event

    day = f"day-{variant}"
    events = [event("hot_partition", variant, f"{variant}_append", number, day=day) for number in range(_WRITES)]
    before = stage.layer.counts().get(THROTTLED, 0)
    stage.layer.set(Behaviours(partition_limits=PartitionLimits(write_units=_WRITES_PER_SECOND)))
    try:
        replies = stage.invoke_all(events)
    finally:
        stage.layer.set(Behaviours())
    throttled = stage.layer.counts().get(THROTTLED, 0) - before
    asked = event("hot_partition", variant, f"{variant}_list", _WRITES, day=day)
    found = set(stage.invoke(asked).answer["found"])
    told = [
        acknowledgement(each["run"], each["request"], 0.0, "ok")
        for each, reply in zip(events, replies, strict=True)
        if reply.ok
    ]
    lost = missing_changes(told, {op.request: int(op.request in found) for op in told})
    queries = sum(op.call == "dynamodb.Query" for op in stage.history(asked["run"]))
    return (
        Figure("writes throttled", throttled, _WRITES, "writes"),
        Figure("queries", queries, 1, "listing of the day"),
        judged("acknowledged events lost (O-2)", "events", verdict(lost, [op.request for op in told])),
    )


PAIR = Pair(
    name="hot-partition",
    title="Random suffix for a hot partition",
    mistake="All events of a day are written under one partition key, and a partition bears only so much.",
    fix="A random suffix spreads the day over several partition keys; who lists it asks for each.",
    remark=f"A listing takes {_SUFFIXES} queries instead of one. A key bears {_WRITES_PER_SECOND:.0f} writes a second "
    "here, which the layer before the emulator enforces, in place of AWS's 1,000.",
    variants=((broken_append, fixed_append), (broken_list, fixed_list)),
    measure=_measure,
)
