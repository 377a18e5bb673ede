"""The whole record where one attribute is wanted."""

import json
import math
from typing import TYPE_CHECKING

from stepwell.bench.pitfalls.pairs import Figure, Figures, Pair
from stepwell.bench.worker.call import Call, Event, Record

if TYPE_CHECKING:
    from stepwell.bench.pitfalls.stage import Stage

_READS = 40
_READ_UNIT_BYTES = 4096
_PROFILE = {"id": "customer", "tier": "gold"} | {f"section_{number}": "x" * 2000 for number in range(20)}


def broken_item(call: Call, event: Event) -> Record:
    found = call.stores.dynamodb.get_item(
        TableName=call.table, Key={"id": {"S": event["customer"]}}, ConsistentRead=True
    )
    return _answer(found["Item"]["tier"]["S"], found)


def fixed_item(call: Call, event: Event) -> Record:
    found = call.stores.dynamodb.get_item(
        TableName=call.table, Key={"id": {"S": event["customer"]}}, ConsistentRead=True, ProjectionExpression="tier"
    )
    return _answer(found["Item"]["tier"]["S"], found)


def broken_cached(call: Call, event: Event) -> Record:
    return {"tier": json.loads(call.stores.redis.get(f"{event['customer']}-json"))["tier"]}


def fixed_cached(call: Call, event: Event) -> Record:
    return {"tier": call.stores.redis.hget(f"{event['customer']}-hash", "tier")}


def _answer(tier: str, found: Record) -> Record:
    return {"tier": tier, "bytes": int(found["ResponseMetadata"]["HTTPHeaders"]["content-length"])}


def _measure(stage: "Stage", variant: str) -> Figures:
    from stepwell.bench.pitfalls.stage import TABLE, event

    customer = _PROFILE["id"]
    item = {name: {"S": value} for name, value in _PROFILE.items()}
    stage.dynamodb.put_item(TableName=TABLE, Item=item)
    stage.redis.set(f"{customer}-json", json.dumps(_PROFILE))
    stage.redis.hset(f"{customer}-hash", mapping=_PROFILE)
    events = [event("whole_record", variant, f"{variant}_item", number, customer=customer) for number in range(_READS)]
    items = [reply.answer for reply in stage.invoke_all(events)]
    [before] = stage.redis_counts("total_net_output_bytes")
    cached = stage.invoke_all({**each, "function": f"{variant}_cached"} for each in events)
    [after] = stage.redis_counts("total_net_output_bytes")
    tiers = [each["tier"] for each in items] + [reply.answer["tier"] for reply in cached]
    if set(tiers) != {_PROFILE["tier"]}:
        raise RuntimeError(f"the record was read wrongly: {tiers}")
    return (
        Figure("bytes from DynamoDB", sum(each["bytes"] for each in items), _READS, "reads"),
        Figure("read units", _READS * _units(item), _READS, "reads"),
        Figure("bytes from Redis", after - before, _READS, "reads"),
    )


def _units(item: Record) -> int:
    """AWS's rule: a unit for each 4 KB of the item, and not of what was asked for of it."""
    size = sum(len(name) + len(value["S"]) for name, value in item.items())
    return math.ceil(size / _READ_UNIT_BYTES)


PAIR = Pair(
    name="whole-record",
    title="The attribute in place of the record",
    mistake="The whole record is fetched for one attribute of it.",
    fix="DynamoDB is asked for the attribute by a projection; in Redis the record is a hash and one field is read.",
    remark="DynamoDB bills the item and not the projection (API model of DynamoDB in botocore 1.43, November 2026): "
    "the read units, counted by that rule, stay the same, and only a smaller item costs less. The bytes of Redis "
    "have a few hundred of the measurement's own in them.",
    variants=((broken_item, fixed_item), (broken_cached, fixed_cached)),
    measure=_measure,
)
