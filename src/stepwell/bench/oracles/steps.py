"""What became of the steps of a request: done in part (O-4), done again after a crash (O-5).

Both look back when all is quiet: faults are healed, queues are drained, nobody will try again. What an acknowledgement
leaves open is settled by then, so the evidence is not that it is `info` but what stands in the sink and in the rows of
the steps.

A row of kind `STEP` is one run of the body of `op.step`: begun at `invoked_at`, and `ok` with `returned_at` once the
strategy was told that the step's result is durable.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from stepwell.bench.history import ACKNOWLEDGE, Effect, Fired, Op
from stepwell.bench.oracles.anomalies import Verdict, Witness
from stepwell.bench.oracles.witnesses import counted, witness

STEP = "step"


def partial_execution(
    history: Iterable[Op], effects: Iterable[Effect], required: Collection[str], compensations: Mapping[str, str]
) -> Verdict:
    """O-4: requests that were given up with some but not all of their effects standing.

    `compensations` says which type of effect takes back which: {"charge": "refund"}. Exposed are the requests that
    nobody was told the success of.
    """
    acknowledgements = [op for op in history if op.kind == ACKNOWLEDGE]
    succeeded = {op.request for op in acknowledgements if op.status == "ok"}
    given_up = {op.request: op for op in acknowledgements if op.request not in succeeded}
    by_request: dict[str, list[Effect]] = defaultdict(list)
    for effect in effects:
        by_request[effect.request].append(effect)
    standing = {request: _standing(by_request[request], required, compensations) for request in given_up}
    partial = [request for request, types in standing.items() if types and types != set(required)]

    def show(request: str) -> Witness:
        missing = sorted(set(required) - standing[request])
        text = f"{request} was given up with {_list(sorted(standing[request]))} done and {_list(missing)} not"
        return witness(text, [given_up[request], *by_request[request]])

    return counted(partial, len(given_up), show)


def _standing(effects: Iterable[Effect], required: Collection[str], compensations: Mapping[str, str]) -> set[str]:
    times = Counter(effect.type for effect in effects)
    return {type for type in required if times[type] > times[compensations.get(type, "")]}


def _list(words: Iterable[str]) -> str:
    return " and ".join(words)


@dataclass(frozen=True, slots=True)
class Progress:
    """What crashes cost those who had come some way.

    The verdict counts requests. `repeated` counts the runs of bodies that had been done durably before a crash, and
    `wasted_seconds` is how long they took. `depth` is how many steps the worst request was thrown back: from the one
    that was due to the first that was done again. `restarted` requests were thrown back to their first step, and
    `abandoned` ones never went on.
    """

    verdict: Verdict
    repeated: int
    wasted_seconds: float
    depth: int
    restarted: int
    abandoned: int


def lost_progress(history: Iterable[Op], crashes: Iterable[Fired], steps: Sequence[str]) -> Progress:
    """O-5: requests that did a step again after a crash, though it was done durably before it.

    `steps` are in their order; those at the same time may be in any. A crash without a request struck all of them.
    Raises `ValueError` for a row of a step that is not among them.
    """
    position = {step: number for number, step in enumerate(steps)}
    struck: dict[str, list[float]] = defaultdict(list)
    for crash in crashes:
        struck[crash.request].append(crash.at)
    runs: dict[str, list[Op]] = defaultdict(list)
    ended: dict[str, Op] = {}
    for op in history:
        if op.kind == STEP:
            if op.step not in position:
                raise ValueError(f"{op.id} is of step {op.step!r}, which is none of {', '.join(steps)}")
            runs[op.request].append(op)
        elif op.kind == ACKNOWLEDGE:
            ended[op.request] = op
    trails = [
        _trail(request, rows, sorted(struck[request] + struck[""]), ended.get(request), position)
        for request, rows in runs.items()
    ]
    exposed = [trail for trail in trails if trail.exposed]
    thrown_back = [trail for trail in exposed if trail.repeated]
    again = [row for trail in thrown_back for row in trail.repeated]
    return Progress(
        verdict=counted(thrown_back, len(exposed), _thrown_back),
        repeated=len(again),
        wasted_seconds=sum(row.returned_at - row.invoked_at for row in again if row.returned_at is not None),
        depth=max((trail.depth for trail in thrown_back), default=0),
        restarted=sum(trail.restarted for trail in thrown_back),
        abandoned=sum(trail.abandoned for trail in exposed),
    )


@dataclass(frozen=True, slots=True)
class _Trail:
    """One request. `done` has the first durable run of each step, `repeated` the runs that came again."""

    request: str
    exposed: bool
    done: Mapping[str, Op]
    repeated: Sequence[Op]
    depth: int
    restarted: bool
    abandoned: bool


def _trail(
    request: str, runs: Iterable[Op], crashes: Sequence[float], end: Op | None, position: Mapping[str, int]
) -> _Trail:
    rows = sorted(runs, key=lambda op: op.invoked_at)
    done: dict[str, Op] = {}
    for row in sorted(rows, key=_done_at):
        if _done_at(row) < inf:
            done.setdefault(row.step, row)
    first_done = min(map(_done_at, done.values()), default=inf)
    over = inf if end is None or end.returned_at is None else end.returned_at
    relevant = [at for at in crashes if first_done <= at < over]
    repeated = [row for row in rows if row.step in done and _between(relevant, _done_at(done[row.step]), row)]
    due = [_due(done.values(), relevant[bisect_left(relevant, row.invoked_at) - 1], position) for row in repeated]
    went_on = any(row.invoked_at > relevant[-1] for row in rows) if relevant else True
    return _Trail(
        request=request,
        exposed=bool(relevant),
        done=done,
        repeated=repeated,
        depth=max((step - position[row.step] for step, row in zip(due, repeated, strict=True)), default=0),
        restarted=any(position[row.step] == min(position[step] for step in done) for row in repeated),
        abandoned=not went_on and (end is None or end.status != "ok"),
    )


def _done_at(row: Op) -> float:
    return row.returned_at if row.status == "ok" and row.returned_at is not None else inf


def _between(crashes: Sequence[float], done_at: float, row: Op) -> bool:
    """Whether it crashed after the step was done and before this run of it began."""
    return bisect_left(crashes, done_at) < bisect_left(crashes, row.invoked_at)


def _due(done: Iterable[Op], crash: float, position: Mapping[str, int]) -> int:
    """The position after the furthest step that was done durably when it crashed."""
    return 1 + max(position[row.step] for row in done if _done_at(row) <= crash)


def _thrown_back(trail: _Trail) -> Witness:
    row = trail.repeated[0]
    text = (
        f"{trail.request} did {len(trail.repeated)} steps again that were done durably before a crash, "
        f"first {row.step}, and was thrown back {trail.depth}"
    )
    return witness(text, [trail.done[row.step], row])
