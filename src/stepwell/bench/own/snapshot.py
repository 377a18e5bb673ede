"""What the local stores hold, as plain values by path, so that two states can be compared."""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from stepwell.bench.own.tape import item_path
from stepwell.bench.own.template import UnusableProject

Value = dict[str, Any]
Snapshot = dict[str, Value]
"""Path, as `Orders/order-17`, to fields. What has no fields of its own has one, `value`."""

_MAX_VALUES = 100_000


def snapshot(dynamodb: Any, tables: list[str], s3: Any, buckets: list[str], redis: Any) -> Snapshot:
    """Of all tables, objects and Redis keys. Raises `UnusableProject` when there are too many."""
    found: Snapshot = {}
    for table in tables:
        found |= _table(dynamodb, table)
    for bucket in buckets:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for item in (item for page in pages for item in page.get("Contents", [])):
            body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            found[f"{bucket}/{item['Key']}"] = {"value": hashlib.sha256(body).hexdigest()}
    for key in redis.scan_iter(count=1000):
        found[key.decode("utf-8", "replace")] = {"value": _redis_value(redis, key)}
    if len(found) > _MAX_VALUES:
        raise UnusableProject(f"the stores hold {len(found):,} records, more than {_MAX_VALUES:,}")
    return found


def _table(dynamodb: Any, table: str) -> Snapshot:
    plain: Any = TypeDeserializer().deserialize
    schema = dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
    names = [each["AttributeName"] for each in schema]
    rows: Snapshot = {}
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            fields = {name: _json(plain(value)) for name, value in item.items()}
            rows[item_path(table, [next(iter(item[name].values())) for name in names])] = fields
    return rows


def _json(value: Any) -> Any:
    """As JSON has it, so that it can be kept and compared."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _json(each) for name, each in value.items()}
    if isinstance(value, set):
        return sorted(map(str, value))
    return [_json(each) for each in value] if isinstance(value, list) else str(value) if not _plain(value) else value


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _redis_value(redis: Any, key: bytes) -> Any:
    kind = redis.type(key).decode()
    readers: dict[str, Callable[[], Any]] = {
        "string": lambda: redis.get(key),
        "hash": lambda: sorted(redis.hgetall(key).items()),
        "list": lambda: redis.lrange(key, 0, -1),
        "set": lambda: sorted(redis.smembers(key)),
        "zset": lambda: redis.zrange(key, 0, -1, withscores=True),
    }
    value = readers[kind]() if kind in readers else redis.dump(key)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return int(text) if text.lstrip("-").isdecimal() else text
