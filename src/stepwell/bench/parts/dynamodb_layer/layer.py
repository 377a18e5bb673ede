"""The layer as a whole: which behaviours are on, what they have done, and the server that clients speak to.

Beside DynamoDB's protocol the server has a control: `POST /_bench/behaviours` sets all behaviours (what is left out is
off), `POST /_bench/settle` brings all replicas up to date, `GET /_bench/counts` tells how often each behaviour has made
a difference, and `GET /_bench/health` that it is up. A client that wants to be named in the rows of what fired sends
the header `X-Bench-Call: {run, request, worker}`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Annotated

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from stepwell.bench.parts.dynamodb_layer.calls import PARTIQL, TARGET, Call, Caller, Tables, error, table_name
from stepwell.bench.parts.dynamodb_layer.limits import Forward, Throttling, TransactionConflicts
from stepwell.bench.parts.dynamodb_layer.replication import Replication
from stepwell.bench.parts.dynamodb_layer.upstream import Headers, Reply, Upstream, end_to_end
from stepwell.bench.parts.proxy import FiredFile

CONTROL_PATH = "/_bench/"
_CONTROL_TIMEOUT_SECONDS = 60.0

Behaviour = Callable[[Call, Forward], Awaitable[Reply]]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Units = Annotated[float, msgspec.Meta(ge=1)]


class StaleReads(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    lag_seconds: Seconds


class PartitionLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units a second for each value of the partition key. The defaults are what AWS documents for a partition."""

    write_units: Units = 1000.0
    read_units: Units = 3000.0


class Transactions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a transaction is under way at least."""

    seconds: Seconds


class GlobalTables(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Regions whose tables of one name are replicas of each other. Clients choose a region by what they sign for."""

    regions: Annotated[tuple[str, ...], msgspec.Meta(min_length=2)]
    lag_seconds: Seconds


class Behaviours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the layer does. `seed` is of the lags."""

    stale_reads: StaleReads | None = None
    partition_limits: PartitionLimits | None = None
    transactions: Transactions | None = None
    global_tables: GlobalTables | None = None
    seed: int = 0


class Layer:
    """Answers calls by `upstream` and the behaviours that are on. `fired` gets a row for each time that one struck."""

    def __init__(
        self,
        upstream: Upstream,
        fired: FiredFile | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._upstream = upstream
        self._tables = Tables(upstream)
        self._fired = fired
        self._clock = clock
        self._sleep = sleep
        self._replication: Replication | None = None
        self._forward: Forward | None = None

    async def set(self, behaviours: Behaviours) -> None:
        """Replaces all behaviours. Replicas that there were are brought up to date first."""
        await self.settle()
        chain: list[Behaviour] = []
        if limits := behaviours.partition_limits:
            units = {"write": limits.write_units, "read": limits.read_units}
            chain.append(Throttling(self._tables, self._note, self._clock, units))
        if transactions := behaviours.transactions:
            chain.append(TransactionConflicts(self._tables, self._note, transactions.seconds, self._sleep))
        self._replication = self._replicating(behaviours)
        if self._replication:
            chain.append(self._replication)
        forward: Forward = self._tables.send
        for behaviour in reversed(chain):
            forward = _before(behaviour, forward)
        self._forward = forward if chain else None

    def _replicating(self, behaviours: Behaviours) -> Replication | None:
        stale, regional = behaviours.stale_reads, behaviours.global_tables
        if not stale and not regional:
            return None
        return Replication(
            self._tables,
            self._note,
            self._clock,
            stale_seconds=stale.lag_seconds if stale else None,
            regions=regional.regions if regional else (),
            region_seconds=regional.lag_seconds if regional else 0.0,
            seed=behaviours.seed,
        )

    async def settle(self) -> None:
        if self._replication:
            await self._replication.settle()

    async def answer(self, method: str, path: str, headers: Headers, body: bytes) -> Reply:
        """Of an emulator that broke off, an error of the server: the client does not know what became of its call."""
        try:
            call = Call(headers, body)
            if not self._forward or not call.target.startswith(TARGET):
                return await self._upstream.call(method, path, headers, body)
            return await self._behave(call, self._forward)
        except OSError as cause:
            return error("InternalServerError", f"the emulator behind this layer failed: {cause}", 500)

    async def _behave(self, call: Call, forward: Forward) -> Reply:
        if call.operation in PARTIQL:
            text = "this layer does not read PartiQL: switch its behaviours off, or call the operations on items"
            return error("ValidationException", text)
        try:
            scope = call.scope
        except ValueError as cause:
            return error("MissingAuthenticationTokenException", f"{cause}, and does not tell account and region")
        reply = await forward(call)
        if call.operation == "DeleteTable" and reply.status == 200:
            table = table_name(call.members["TableName"])
            self._tables.forget(scope, table)
            if self._replication:
                self._replication.forget(scope, table)
        return reply

    def _note(self, fault: str, caller: Caller) -> None:
        self.counts[fault] += 1
        if self._fired:
            self._fired.note(fault, caller.run, caller.request, caller.worker)


def _before(behaviour: Behaviour, forward: Forward) -> Forward:
    return lambda call: behaviour(call, forward)


def application(layer: Layer) -> ASGIApp:
    """The server of a layer."""
    control = _control(layer)

    async def serve(connection: Connection, receive: Receive, send: Send) -> None:
        if connection["path"].startswith(CONTROL_PATH):
            await control(connection, receive, send)
            return
        path = connection["raw_path"].decode("latin-1")
        if query := connection["query_string"]:
            path += "?" + query.decode("latin-1")
        body = await _body(receive)
        reply = await layer.answer(connection["method"], path, end_to_end(connection["headers"]), body)
        length = (b"content-length", str(len(reply.body)).encode())
        await send({"type": "http.response.start", "status": reply.status, "headers": [*reply.headers, length]})
        await send({"type": "http.response.body", "body": reply.body})

    return serve


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _control(layer: Layer) -> Starlette:
    async def behaviours(request: Request) -> Response:
        try:
            await layer.set(msgspec.json.decode(await request.body(), type=Behaviours))
        except (msgspec.MsgspecError, UnicodeDecodeError) as cause:
            return PlainTextResponse(f"behaviours that do not exist, or not so: {cause}", 400)
        return PlainTextResponse("")

    async def settle(_: Request) -> Response:
        await layer.settle()
        return PlainTextResponse("")

    async def counts(_: Request) -> Response:
        return Response(msgspec.json.encode(layer.counts), media_type="application/json")

    async def health(_: Request) -> Response:
        return PlainTextResponse("")

    return Starlette(
        routes=[
            Route(CONTROL_PATH + "behaviours", behaviours, methods=["POST"]),
            Route(CONTROL_PATH + "settle", settle, methods=["POST"]),
            Route(CONTROL_PATH + "counts", counts),
            Route(CONTROL_PATH + "health", health),
        ]
    )


class LayerControl:
    """Sets the behaviours of a running layer."""

    def __init__(self, url: str) -> None:
        # Without the environment: the proxy settings of whoever runs the benchmark are not for loopback.
        self._client = httpx.Client(base_url=url, timeout=_CONTROL_TIMEOUT_SECONDS, trust_env=False)

    def set(self, behaviours: Behaviours) -> None:
        """They are in force when this returns. Raises ValueError when the layer refuses them."""
        self._ask("POST", "behaviours", msgspec.json.encode(behaviours))

    def settle(self) -> None:
        """All replicas are up to date when this returns."""
        self._ask("POST", "settle")

    def counts(self) -> dict[str, int]:
        """How often each behaviour has made a difference."""
        found: dict[str, int] = self._ask("GET", "counts").json()
        return found

    def _ask(self, method: str, name: str, body: bytes | None = None) -> httpx.Response:
        reply = self._client.request(method, CONTROL_PATH + name, content=body)
        if reply.status_code != 200:
            raise ValueError(reply.text)
        return reply
