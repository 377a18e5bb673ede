"""A client for each call: every invocation connects anew."""

import statistics
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from redis import Redis

from stepwell.bench.pitfalls.pairs import Figure, Figures, Pair
from stepwell.bench.worker.call import Call, Event, Record

if TYPE_CHECKING:
    from stepwell.bench.pitfalls.stage import Stage

_WORKERS = 4
_VISITS = 100
_COUNTED = "total_connections_received", "total_commands_processed"


def broken_connect(host: str, port: str) -> Redis:
    return Redis(host, int(port), protocol=2)


@cache
def fixed_connect(host: str, port: str) -> Redis:
    return Redis(host, int(port), protocol=2)


def broken_visit(call: Call, event: Event) -> Record:
    return {"visits": broken_connect(*call.names["redis"].split(":")).incr(event["page"])}


def fixed_visit(call: Call, event: Event) -> Record:
    return {"visits": fixed_connect(*call.names["redis"].split(":")).incr(event["page"])}


def _measure(stage: "Stage", variant: str) -> Figures:
    from stepwell.bench.pitfalls.stage import event

    function = stage.make_function(f"client-per-call-{variant}")
    counts = [stage.redis_counts(*_COUNTED)]
    for amount in (_WORKERS, _VISITS):
        events = [
            event("client_per_call", variant, f"{variant}_visit", number, page="page") for number in range(amount)
        ]
        replies = stage.invoke_all(events, _WORKERS, function)
        counts.append(stage.redis_counts(*_COUNTED))
    cold, warm = ([later - earlier for earlier, later in zip(*both, strict=True)] for both in pairwise(counts))
    middle = statistics.median(reply.handler_milliseconds for reply in replies)
    return (
        Figure("connections", warm[0], _VISITS, "warm invocations"),
        # Asking for the counts is a command too.
        Figure("commands", warm[1] - 1, _VISITS, "warm invocations"),
        Figure("connections", cold[0], _WORKERS, "cold invocations"),
        Figure("time in the handler", middle, 1, "warm invocation", relative=True),
    )


PAIR = Pair(
    name="client-per-call",
    title="One client for each worker",
    mistake="The handler makes its client, so that each invocation connects, greets and leaves.",
    fix="The client is made once and kept as long as the worker lives.",
    remark="A cold worker connects once either way. TLS, a password and a network between make a connection dearer "
    "than it is on loopback.",
    variants=((broken_connect, fixed_connect), (broken_visit, fixed_visit)),
    measure=_measure,
)
