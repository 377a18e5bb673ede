"""Read, change, write back. Correct as long as everything happens once and one at a time."""

from stepwell.bench.worker.call import Call, Record
from stepwell.bench.worker.strategies import items


def begin(call: Call) -> Record | None:
    return None


def read(call: Call, name: str) -> Record:
    return items.read_record(call, name)


def write(call: Call, name: str, record: Record) -> bool:
    call.stores.dynamodb.put_item(TableName=call.table, Item=items.record_item(name, record))
    return True


def emit(call: Call, type: str) -> Record:
    return call.effect(type, None)


def commit(call: Call, result: Record) -> None:
    call.stores.dynamodb.put_item(TableName=call.table, Item=items.result_item(call, result))
