"""Breaks one prototype in every way that was asked for, and judges each.

The stores are put back before each fault, so that what they hold afterwards is what its requests made.
"""

import itertools
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from stepwell.bench.catalog import CRASH, DUPLICATE, DUPLICATED, HOT_KEY, LOST, RESPONSE_LOST, STORE_KILL, STUCK
from stepwell.bench.history import ACKNOWLEDGE, DELIVER, Effect, Fired, Op, read_ops, read_rows
from stepwell.bench.oracles import anomalies
from stepwell.bench.oracles.anomalies import Verdict, requiring, verdict
from stepwell.bench.own import oracle
from stepwell.bench.own.bed import OUTSIDE, Bed
from stepwell.bench.own.deliver import Deliveries
from stepwell.bench.own.hook import fault_file
from stepwell.bench.own.identity import run_of, token
from stepwell.bench.own.oracle import Reference
from stepwell.bench.own.snapshot import Snapshot
from stepwell.bench.parts import sink
from stepwell.bench.parts.backends import AWS, PROXY_FIRED, REDIS

FAULTS = (DUPLICATE, CRASH, RESPONSE_LOST, HOT_KEY, STORE_KILL)

CONTENDERS = 16
CALM_REQUESTS = 3
"""Two tell what one adds, a third that the next adds as much."""

_CLIENTS = 4
_LEAST = 6
_MAX_POINTS = 60
_OUTAGE_SECONDS = 1.0
_REACHABLE = (DUPLICATE, CRASH, HOT_KEY)
"""The faults that need no proxy in front of the stores."""


class Undisturbed(Exception):
    """A prototype does not even work when nothing is broken; the text has what its function said."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One prototype under one fault: what was found, by measure, and how often the fault fired."""

    prototype: str
    fault: str
    verdicts: dict[str, Verdict]
    fired: int

    @property
    def invalid(self) -> str | None:
        return next((each.invalid for each in self.verdicts.values() if each.invalid), None)

    @property
    def found(self) -> dict[str, Verdict]:
        return {measure: each for measure, each in self.verdicts.items() if each.count and not each.invalid}


@dataclass(slots=True)
class Drive:
    """Of one prototype, which is deployed. Cells are numbered from `first_cell` on, so that none of a run share a name.

    `history` grows with what was recorded of each.
    """

    bed: Bed
    name: str
    deliveries: Deliveries
    chance: random.Random
    say: Callable[[str], None]
    first_cell: int
    calm_ops: list[Op] = field(default_factory=list)
    history: list[Op] = field(default_factory=list)
    reference: Reference | None = None
    _cell: int = 0
    _struck: list[Fired] = field(default_factory=list)

    def calm(self) -> Reference:
        """What undisturbed requests do. Raises `Undisturbed`."""
        self._begin()
        self.say(f"{self.name}: undisturbed")
        if not self.deliveries.warm(token(self._cell, 0xFFFF)):
            raise Undisturbed(f"{self.name}: not even an undisturbed request was acknowledged: {self._complaint()}")
        self.bed.empty()
        states = [self._snapshot()]
        requests = [token(self._cell, number) for number in range(CALM_REQUESTS)]
        for request in requests:
            self.deliveries.perform(request)
            states.append(self._snapshot())
        self.calm_ops = [op for op in self._ops() if op.request in requests] + self.deliveries.transitions(requests)
        self.history += self.calm_ops
        outside = [effect for effect in self._outside() if effect.request in requests]
        effects = oracle.effects_of(self.calm_ops, outside, self.bed.state)
        try:
            self.reference = oracle.learn(self.calm_ops, effects, states, self.bed.state)
        except ValueError as error:
            raise Undisturbed(f"{self.name}: {error}: {self._complaint()}") from None
        return self.reference

    def broken(self, fault: str, repeat: int) -> Cell:
        """One fault, its points struck so often, and what came of it."""
        assert self.reference is not None, "what is undisturbed is known first"
        self._begin()
        self.say(f"{self.name}: {fault}")
        if not self.bed.observed and fault not in _REACHABLE:
            reason = "real services are not behind the proxy that does this"
            return Cell(self.name, fault, {each: Verdict(0, 0, (), reason) for each in (DUPLICATED, LOST, STUCK)}, 0)
        self.bed.empty()
        before = self._snapshot()
        phases = {DUPLICATE: self._repeat, HOT_KEY: self._contend, STORE_KILL: self._outage}
        if fault in phases:
            phases[fault](repeat)
        else:
            self._sweep(fault, repeat)
        return self._judged(fault, before, self._snapshot())

    def _begin(self) -> None:
        self._cell = self.first_cell if self._cell == 0 else self._cell + 1
        self._struck = []

    def _requests(self, count: int) -> list[str]:
        return [token(self._cell, number) for number in range(count)]

    def _repeat(self, repeat: int) -> None:
        self._share_out([(request, 2) for request in self._requests(_LEAST * repeat)], _CLIENTS // 2)

    def _contend(self, repeat: int) -> None:
        self._share_out([(request, 1) for request in self._requests(CONTENDERS * repeat)], CONTENDERS)

    def _outage(self, repeat: int) -> None:
        """Load, with the stores away in its middle."""
        numbers, over = itertools.count(), threading.Event()

        def client() -> None:
            while not over.is_set():
                self.deliveries.perform(token(self._cell, next(numbers)))

        with ThreadPoolExecutor(_CLIENTS) as pool:
            clients = [pool.submit(client) for _ in range(_CLIENTS)]
            try:
                for _ in range(repeat):
                    time.sleep(_OUTAGE_SECONDS)
                    self._stores_away()
            finally:
                over.set()
            for done in clients:
                done.result()

    def _stores_away(self) -> None:
        redis, control = self.bed.running.children[REDIS], self.bed.running.control
        at = redis.kill()
        control.set(AWS, "cut")
        self._struck.append(
            Fired(fault=STORE_KILL, run=run_of(token(self._cell, 0)), request="", worker="drive", at=at)
        )
        time.sleep(_OUTAGE_SECONDS)
        redis.restart()
        control.set(AWS, "open")

    def _sweep(self, fault: str, repeat: int) -> None:
        """Every point of every function in turn, and all of them again until there are enough."""
        points = self._points(fault)
        times = max(repeat, -(-_LEAST // max(len(points), 1)))
        requests = self._requests(len(points) * times)
        for request, (function, number) in zip(requests, points * times, strict=True):
            strike = {"name": fault, "step": function, "number": number}
            fault_file(self.bed.ops, request, function).write_text(json.dumps(strike), "utf-8")
            fault_file(self.bed.ops, request, function).chmod(0o666)
        self.chance.shuffle(requests)
        self._share_out([(request, 1) for request in requests], _CLIENTS)

    def _points(self, fault: str) -> list[tuple[str, int]]:
        """(function, number): after each call of an undisturbed request and before the first; or each call itself."""
        first = 0 if fault == CRASH else 1
        invocations = Counter(
            (op.step, op.request, op.attempt)
            for op in self.calm_ops
            if op.step and op.kind in ("read", "write", "emit")
        )
        most: dict[str, int] = defaultdict(int)
        for (function, _, _), count in invocations.items():
            most[function] = max(most[function], count)
        points = [(function, number) for function, count in most.items() for number in range(first, count + 1)]
        return self.chance.sample(points, min(len(points), _MAX_POINTS))

    def _share_out(self, works: Sequence[tuple[str, int]], clients: int) -> None:
        with ThreadPoolExecutor(clients) as pool:
            for done in [pool.submit(self.deliveries.perform, *work) for work in works]:
                done.result()

    def _judged(self, fault: str, before: Snapshot, after: Snapshot) -> Cell:
        assert self.reference is not None, "what is undisturbed is known first"
        ops = self._ops()
        self.history += ops
        effects = oracle.effects_of(ops, self._outside(), self.bed.state)
        asked = {op.request for op in ops if op.kind == ACKNOWLEDGE}
        exposed, fired = self._exposed(fault, ops, asked)
        done = anomalies.acknowledged(ops).keys() & exposed
        twice = oracle.repeated_effects(effects, self.reference)
        missing = oracle.missing_effects(ops, effects, self.reference)
        more = less = oracle.Changes()
        if self.bed.observed:
            own_twice, own_missing = oracle.own_records(ops, after, self.reference)
            twice, missing = own_twice | twice, own_missing | missing
            more, less = oracle.shared_records(ops, before, after, self.reference, len(asked))
        found = {
            DUPLICATED: _larger(verdict(twice, exposed), more),
            LOST: _larger(verdict(missing, done), less),
            STUCK: verdict(anomalies.half_done(ops, effects), exposed),
        }
        return Cell(self.name, fault, {name: requiring(each, fired) for name, each in found.items()}, fired)

    def _exposed(self, fault: str, ops: list[Op], asked: set[str]) -> tuple[set[str], int]:
        """The requests that the fault has met, and how often it fired."""
        if fault == HOT_KEY:
            return asked, anomalies.contended(sorted(ops, key=lambda op: op.invoked_at))
        if fault == DUPLICATE:
            at_once = anomalies.delivered_at_once(ops)
            return at_once, len(at_once)
        if fault == STORE_KILL:
            hit = {op.request for op in ops if op.kind == ACKNOWLEDGE and self._was_away(op)}
            return hit, len(hit)
        struck = {fired.request for fired in self._fired() if fired.fault == fault}
        return struck, len(struck)

    def _was_away(self, op: Op) -> bool:
        """Whether the stores were away while this was under way."""
        ended = op.returned_at or time.time()
        return any(op.invoked_at < fired.at + _OUTAGE_SECONDS and fired.at < ended for fired in self._struck)

    def unnamed(self) -> list[str]:
        """The functions that were invoked with nothing by which their request could be told."""
        return sorted({op.step for op in read_ops(self.bed.ops.glob("*.jsonl")) if not op.request})

    def _ops(self) -> list[Op]:
        run = run_of(token(self._cell, 0))
        rows = [*read_ops(self.bed.ops.glob("*.jsonl")), *self.deliveries.history]
        return sorted((op for op in rows if op.run == run), key=lambda op: op.invoked_at)

    def _outside(self) -> list[Effect]:
        run = run_of(token(self._cell, 0))
        return [row for row in read_rows(self.bed.work / OUTSIDE / sink.EFFECTS, Effect) if row.run == run]

    def _fired(self) -> list[Fired]:
        run = run_of(token(self._cell, 0))
        files = (self.bed.work / sink.FIRED, self.bed.work / PROXY_FIRED, self.bed.work / OUTSIDE / sink.FIRED)
        return [row for file in files for row in read_rows(file, Fired) if row.run == run]

    def _snapshot(self) -> Snapshot:
        return self.bed.snapshot() if self.bed.observed else {}

    def _complaint(self) -> str:
        """What the last delivery that failed was told."""
        said = [op.result for op in self.deliveries.history if op.kind == DELIVER and op.status != "ok"]
        return str(said[-1]) if said else "it has had no answer"


def _larger(by_request: Verdict, changes: oracle.Changes) -> Verdict:
    """Shared records are counted in changes and the rest in requests; the larger of the two is certain."""
    kept = by_request.witnesses[: anomalies.WITNESSES_MAX - 1]
    shown = (*kept, *changes.witnesses)[: anomalies.WITNESSES_MAX]
    count = max(by_request.count, changes.count)
    return Verdict(count, max(by_request.exposed, count), shown if changes.count else by_request.witnesses)
