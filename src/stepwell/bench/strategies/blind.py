"""Read, change, write back. Correct as long as everything happens once and one at a time."""

from typing import Any

from stepwell.bench.call import Call, Record


def begin(call: Call) -> Record | None:
    return None


def read(call: Call, name: str) -> Record:
    item = call.store.get_item(TableName=call.table, Key={"id": {"S": name}}, ConsistentRead=True)["Item"]
    return {"value": int(item["value"]["N"]), "version": int(item["version"]["N"])}


def write(call: Call, name: str, record: Record) -> bool:
    call.store.put_item(TableName=call.table, Item=counter_item(name, record))
    return True


def emit(call: Call) -> Record:
    return call.charge(None)


def commit(call: Call, receipt: Record) -> None:
    item = {"id": {"S": call.request}, "receipt": {"N": str(receipt["sequence"])}}
    call.store.put_item(TableName=call.table, Item=item)


def counter_item(name: str, record: Record) -> dict[str, Any]:
    """The new record as DynamoDB has it, one version on from what was read."""
    return {
        "id": {"S": name},
        "value": {"N": str(record["value"])},
        "version": {"N": str(record["version"] + 1)},
    }
