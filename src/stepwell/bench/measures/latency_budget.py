"""What a request would take: operations counted on its critical path, times round trips that the reader sets.

Local times say which operations waited for which, and nothing else: all parts share one machine, so that their
durations say nothing about a cloud. What is not counted is not in the figure: cold starts, queueing, waits between
retries, and the time that a message lies in a queue.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

import msgspec

from stepwell.bench.history import DELIVER, Op
from stepwell.bench.measures.transitions import HISTORY
from stepwell.pricing.settings import check_names, checked, read_settings

COMPUTE = "compute"
"""The profile's name for what a handler does between its calls."""

_LEVELS = {"states": 1, "lambda": 2}
"""What contains what: a client's delivery (0) transitions, they invocations, and those all other operations (3)."""

_HISTORY_SECONDS = 0.001

_Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=600_000)]


@dataclass(frozen=True, slots=True)
class Profile:
    """Milliseconds of a round trip, by service; those in `assumed` nobody has measured."""

    milliseconds: dict[str, float]
    assumed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Part:
    """How often the critical path meets a service, and what that takes."""

    service: str
    operations: int
    milliseconds: float
    assumed: bool


@dataclass(frozen=True, slots=True)
class Latency:
    """What a request would take, by service, the slowest first."""

    parts: tuple[Part, ...]

    @property
    def milliseconds(self) -> float:
        return sum(part.milliseconds for part in self.parts)

    @property
    def assumed(self) -> bool:
        """Whether a round trip that nobody has measured went into it."""
        return any(part.assumed for part in self.parts)

    def text(self, budget_milliseconds: float) -> str:
        """`43 of 200 ms`."""
        return f"{self.milliseconds:.0f} of {budget_milliseconds:.0f} ms"

    def breakdown(self) -> str:
        """`3 dynamodb x 5 ms + 1 lambda x 15 ms`."""
        return " + ".join(
            f"{part.operations} {part.service} x {part.milliseconds / part.operations:g} ms" for part in self.parts
        )


def load_profile(path: Path | None = None) -> Profile:
    """The round trips of a file, over Stepwell's assumptions for what it leaves out. Raises `UnusableSettings`."""
    with as_file(files("stepwell.bench.measures") / "round_trips.yaml") as own:
        assumptions = _read(own)
    measured = {} if path is None else _read(path)
    check_names(measured, assumptions, str(path), complete=False)
    return Profile(assumptions | measured, frozenset(assumptions.keys() - measured.keys()))


def _read(path: Path) -> dict[str, float]:
    members = read_settings(path, dict[str, Any])
    return {name: checked(value, _Milliseconds, f"{path}: {name}") for name, value in members.items()}


def latency(ops: Iterable[Op], profile: Profile) -> Latency:
    """Of one request, from its operations."""
    counts: Counter[str] = Counter()
    for op in _critical_path(sorted(_known(ops, profile), key=_order), profile):
        counts[service(op)] += op.count
    counts[COMPUTE] = counts["lambda"]
    parts = (
        Part(name, count, count * profile.milliseconds[name], name in profile.assumed)
        for name, count in counts.items()
        if count
    )
    return Latency(tuple(sorted(parts, key=lambda part: -part.milliseconds)))


def typical(ops: Iterable[Op], profile: Profile) -> Latency:
    """Of the request in the middle, when all are put in order of what they would take. None gives no parts."""
    by_request: dict[str, list[Op]] = defaultdict(list)
    for op in ops:
        by_request[op.request].append(op)
    found = {request: latency(rows, profile) for request, rows in by_request.items()}
    if not found:
        return Latency(())
    middle = statistics.median_low(each.milliseconds for each in found.values())
    return next(each for each in found.values() if each.milliseconds == middle)


def service(op: Op) -> str:
    """What an operation was a call of: `dynamodb` for dynamodb.PutItem."""
    return op.call.partition(".")[0]


def _known(ops: Iterable[Op], profile: Profile) -> list[Op]:
    return [op for op in ops if service(op) in profile.milliseconds]


def _critical_path(ops: Sequence[Op], profile: Profile) -> list[Op]:
    """The chain of operations, each after the one before it, that takes the longest. `ops` are in order.

    Operations that overlapped are not in one chain. Some that could have overlapped did not, because the machine was
    busy: so it is at most this.
    """
    longest = [0.0] * len(ops)
    before: list[int | None] = [None] * len(ops)
    for here, op in enumerate(ops):
        chains = ((longest[each], each) for each in range(here) if _precedes(ops[each], op))
        taken, before[here] = max(chains, default=(0.0, None))
        longest[here] = taken + _weight(op, profile)
    path, here_ = [], max(range(len(ops)), key=longest.__getitem__, default=None)
    while here_ is not None:
        path.append(ops[here_])
        here_ = before[here_]
    return path


def _order(op: Op) -> tuple[float, int]:
    return op.invoked_at, _level(op)


def _precedes(one: Op, other: Op) -> bool:
    """Whether `other`, which was not invoked earlier, had to wait for `one`: it came after it, or runs inside it.

    One that nobody saw return held nobody up.
    """
    ended = one.invoked_at if one.returned_at is None else one.returned_at
    # What an execution's history dates by milliseconds may seem to have begun before what it waited for.
    slack = _HISTORY_SECONDS if HISTORY in (one.worker, other.worker) else 0.0
    return ended <= other.invoked_at + slack or _level(one) < _level(other)


def _level(op: Op) -> int:
    return 0 if op.kind == DELIVER else _LEVELS.get(service(op), 3)


def _weight(op: Op, profile: Profile) -> float:
    compute = profile.milliseconds[COMPUTE] if service(op) == "lambda" else 0.0
    return op.count * (profile.milliseconds[service(op)] + compute)
