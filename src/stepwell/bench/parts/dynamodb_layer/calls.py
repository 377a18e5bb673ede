"""A call of DynamoDB as the layer sees it: which operation, where, of whom, and which items it is about.

Malformed requests are not judged here but passed on: what is wrong with them is the emulator's to say.
"""

import re
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from stepwell.bench.parts.dynamodb_layer.upstream import Headers, Reply, Upstream

Members = dict[str, Any]

TARGET = "DynamoDB_20120810"
CALLER_HEADER = "X-Bench-Call"

TRANSACTIONS = {"TransactWriteItems": "write", "TransactGetItems": "read"}
BATCHES = {"BatchWriteItem": "write", "BatchGetItem": "read"}
_SINGLE = {"PutItem": "write", "UpdateItem": "write", "DeleteItem": "write", "GetItem": "read"}
_RANGES = {"Query": "read", "Scan": "read"}
EFFECT: Mapping[str, str] = {**_SINGLE, **BATCHES, **TRANSACTIONS, **_RANGES}
"""What an operation on items does to them. The others are about tables."""

PARTIQL = frozenset({"ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"})

_CREDENTIAL = re.compile(rb"Credential=([^/,]+)/([^/]+)/([^/]+)/")
_EQUALITY = re.compile(r"([#\w.-]+)\s*=\s*(:\w+)")


_ACCOUNT = re.compile(r"[0-9]{12}")
_DEFAULT_ACCOUNT = "000000000000"
"""The account that an emulator takes any access key for that is not an account's number."""


class Scope(NamedTuple):
    """Where tables are apart from tables of the same name. Clients tell it in the signature."""

    account: str
    region: str


class Caller(msgspec.Struct, frozen=True):
    """Whose call it is, if the client says so in the header X-Bench-Call."""

    run: str = ""
    request: str = ""
    worker: str = ""


class Schema(NamedTuple):
    partition: str
    sort: str | None


class Item(NamedTuple):
    """What a call is about: an item, or in a Query a whole partition and in a Scan a whole table.

    `path` is the table, the partition key's value and the sort key's, as far as they are known. `entry` is what a batch
    or transaction says of it.
    """

    path: tuple[str, ...]
    key: Members
    written: bool
    entry: Any = None

    @property
    def table(self) -> str:
        return self.path[0]


@dataclass(frozen=True)
class Call:
    """One request of a client."""

    headers: Headers
    body: bytes

    @cached_property
    def target(self) -> str:
        return self._header(b"x-amz-target").decode("latin-1")

    @property
    def operation(self) -> str:
        return self.target.partition(".")[2]

    @cached_property
    def members(self) -> Members:
        """The request. Empty when the body is no JSON object."""
        try:
            return msgspec.json.decode(self.body, type=Members)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return {}

    @cached_property
    def scope(self) -> Scope:
        """Raises ValueError for a call that is not signed."""
        found = _CREDENTIAL.search(self._header(b"authorization"))
        if not found:
            raise ValueError("the call is not signed")
        account, region = found[1].decode("latin-1"), found[3].decode("latin-1")
        return Scope(account if _ACCOUNT.fullmatch(account) else _DEFAULT_ACCOUNT, region)

    @cached_property
    def caller(self) -> Caller:
        try:
            return msgspec.json.decode(self._header(CALLER_HEADER.lower().encode()), type=Caller)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Caller()

    def within(self, scope: Scope) -> "Call":
        """The same call in another account or region. Emulators do not verify signatures."""
        if scope == self.scope:
            return self
        account, region = (part.encode("latin-1") for part in scope)
        signature = _CREDENTIAL.sub(
            lambda found: b"Credential=%s/%s/%s/" % (account, found[2], region), self._header(b"authorization")
        )
        others = [(name, value) for name, value in self.headers if name.lower() != b"authorization"]
        return replace(self, headers=[*others, (b"authorization", signature)])

    def of(self, operation: str, members: Members) -> "Call":
        """Another call by the same client."""
        target = (b"x-amz-target", f"{TARGET}.{operation}".encode())
        others = [(name, value) for name, value in self.headers if name.lower() != b"x-amz-target"]
        return Call([*others, target], msgspec.json.encode(members))

    def _header(self, wanted: bytes) -> bytes:
        return next((value for name, value in self.headers if name.lower() == wanted), b"")


class Tables:
    """The emulator's tables: calls to them, and what their keys are."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._schemas: dict[tuple[Scope, str], Schema] = {}

    async def send(self, call: Call) -> Reply:
        return await self._upstream.call("POST", "/", call.headers, call.body)

    async def ask(self, call: Call) -> Members | None:
        """The members of the reply; None for an error."""
        reply = await self.send(call)
        return msgspec.json.decode(reply.body, type=Members) if reply.status == 200 else None

    async def describe(self, call: Call, table: str) -> Members | None:
        """The description of a table, None when there is none."""
        reply = await self.ask(call.of("DescribeTable", {"TableName": table}))
        return reply and reply["Table"]

    def forget(self, scope: Scope, table: str) -> None:
        self._schemas.pop((scope, table), None)

    def names(self, call: Call) -> list[str]:
        """The tables that the call is about."""
        try:
            if call.operation in _RANGES:
                return [table_name(call.members["TableName"])]
            return sorted({table for table, *_ in _places(call.operation, call.members)})
        except (KeyError, TypeError, ValueError, AttributeError):
            return []

    async def items(self, call: Call) -> list[Item]:
        """What the call is about. Empty when that is not to be seen from the call."""
        try:
            if call.operation in _RANGES:
                return [Item(await self._range(call), {}, written=False)]
            places = list(_places(call.operation, call.members))
            schemas = {table: await self.schema(call, table) for table, *_ in places}
            return [_item(*place, schemas[place[0]]) for place in places]
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            return []

    async def _range(self, call: Call) -> tuple[str, ...]:
        table = table_name(call.members["TableName"])
        if call.operation == "Scan" or "IndexName" in call.members:
            return (table,)
        return (table, _queried((await self.schema(call, table)).partition, call.members))

    async def schema(self, call: Call, table: str) -> Schema:
        """Raises KeyError for a table that does not exist."""
        known = self._schemas.get((call.scope, table))
        if known:
            return known
        described = await self.describe(call, table)
        if described is None:
            raise KeyError(table)
        names = {key["KeyType"]: key["AttributeName"] for key in described["KeySchema"]}
        schema = Schema(names["HASH"], names.get("RANGE"))
        self._schemas[call.scope, table] = schema
        return schema


def table_name(text: str) -> str:
    """The name in a name or ARN."""
    return text.rpartition(":table/")[2]


def _places(operation: str, members: Members) -> Iterator[tuple[str, Members, bool, Any]]:
    """(table, key or item, whether it is written, entry of a batch) for each item."""
    written = EFFECT.get(operation) == "write"
    if operation in _SINGLE:
        yield table_name(members["TableName"]), members["Item" if operation == "PutItem" else "Key"], written, None
    elif operation in BATCHES:
        for table, entries in members["RequestItems"].items():
            for entry in entries if written else entries["Keys"]:
                yield table_name(table), _written_by(entry) if written else entry, written, entry
    elif operation in TRANSACTIONS:
        for action in members["TransactItems"]:
            [(kind, of)] = action.items()
            yield table_name(of["TableName"]), of["Item" if kind == "Put" else "Key"], kind not in _READING, action


_READING = ("Get", "ConditionCheck")


def _written_by(entry: Members) -> Members:
    [(kind, request)] = entry.items()
    place: Members = request["Item" if kind == "PutRequest" else "Key"]
    return place


def _item(table: str, place: Members, written: bool, entry: Any, schema: Schema) -> Item:
    key = {name: place[name] for name in schema if name}
    return Item((table, *map(_text, key.values())), key, written, entry)


def _text(value: Mapping[str, str]) -> str:
    """One text for all ways of writing a key."""
    [(type_, text)] = value.items()
    try:
        return f"N{Decimal(text).normalize()}" if type_ == "N" else f"{type_}{text}"
    except InvalidOperation:
        return f"N{text}"


def _queried(attribute: str, members: Members) -> str:
    if "KeyConditions" in members:
        return _text(members["KeyConditions"][attribute]["AttributeValueList"][0])
    names = members.get("ExpressionAttributeNames", {})
    equal = {names.get(name, name): value for name, value in _EQUALITY.findall(members["KeyConditionExpression"])}
    return _text(members["ExpressionAttributeValues"][equal[attribute]])


def eventual(call: Call) -> bool:
    """Whether a read may be of the past."""
    if call.operation == "BatchGetItem":
        return not any(table.get("ConsistentRead") for table in call.members["RequestItems"].values())
    return call.operation != "TransactGetItems" and not call.members.get("ConsistentRead")


def item_bytes(item: Members) -> int:
    """An item's size by DynamoDB's rules: names and values, with some for what holds other values."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Members) -> int:
    [(type_, content)] = value.items()
    if type_ == "M":
        return 3 + item_bytes(content) + len(content)
    if type_ == "L":
        return 3 + sum(1 + _value_bytes(each) for each in content)
    if type_ in ("SS", "NS", "BS"):
        return sum(_value_bytes({type_[0]: each}) for each in content)
    if type_ == "N":
        return 1 + (sum(map(str.isdigit, content)) + 1) // 2
    if type_ == "B":
        return len(str(content)) * 3 // 4
    return len(str(content).encode()) if type_ == "S" else 1


def without(call: Call, withheld: Collection[Item]) -> Call:
    """A batch without these items."""
    entries = [(item.table, item.entry) for item in withheld]
    kept: Members = {}
    for table, of in call.members["RequestItems"].items():
        rest = [entry for entry in _entries(of) if (table_name(table), entry) not in entries]
        if rest:
            kept[table] = _with_entries(of, rest)
    return call.of(call.operation, call.members | {"RequestItems": kept})


def unprocessed(call: Call, reply: Members, withheld: Collection[Item]) -> Members:
    """The reply to a batch of which these items were not processed, so that the client sends them again."""
    name = "UnprocessedItems" if call.operation == "BatchWriteItem" else "UnprocessedKeys"
    entries = [(item.table, item.entry) for item in withheld]
    left: Members = dict(reply.get(name, {}))
    for table, of in call.members["RequestItems"].items():
        back = [entry for entry in _entries(of) if (table_name(table), entry) in entries]
        if back:
            left[table] = _with_entries(of, [*(_entries(left[table]) if table in left else []), *back])
    return {"Responses": {}, **reply, name: left} if name == "UnprocessedKeys" else reply | {name: left}


def _entries(of: Any) -> list[Any]:
    entries: list[Any] = of["Keys"] if isinstance(of, dict) else of
    return entries


def _with_entries(of: Any, entries: list[Any]) -> Any:
    return of | {"Keys": entries} if isinstance(of, dict) else entries


def answer(members: Members, status: int = 200) -> Reply:
    body = msgspec.json.encode(members)
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "x-amzn-RequestId": str(uuid4()),
        "x-amz-crc32": str(zlib.crc32(body)),
    }
    return Reply(status, [(name.encode(), value.encode()) for name, value in headers.items()], body)


def error(code: str, message: str, status: int = 400, **more: Any) -> Reply:
    """An error in DynamoDB's shape."""
    return answer({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message, **more}, status)


def cancelled(items: Collection[Item], because_of: Collection[Item], code: str, text: str) -> Reply:
    """A transaction that came to nothing because of some of its items."""
    rows = [{"Code": code, "Message": text} if item in because_of else {"Code": "None"} for item in items]
    codes = ", ".join(row["Code"] for row in rows)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    # Alone among the errors it has its text under this name as well.
    return error("TransactionCanceledException", message, Message=message, CancellationReasons=rows)
