"""Can what many clients saw be explained by one object that does one operation at a time? (O-10)

A history is linearizable if its operations can be put into an order that the object's sequential model allows and in
which nothing comes before what had returned when it was invoked (Herlihy and Wing, 1990). The search is that of Wing
and Gong (1993) with the memo of Lowe (2017), on each key alone: a history is linearizable exactly if the part of each
object is (Herlihy and Wing's locality). Three reductions keep it small, none of which changes a verdict:

* An operation that only observes is placed as soon as the state agrees: nothing else gets harder by it.
* Of two places in the search that differ only in the indeterminate operations they have used up, the one that used
  more can reach nothing that the other cannot.
* Of equal indeterminate operations the one that was invoked first is used first.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

State = Hashable


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation on the object `key`. Times are of one clock in any unit.

    `returned_at` None says that it is indeterminate: it takes effect at some time after its invocation or never, and
    `result` means nothing. An operation that is known not to have been applied and that observed nothing is left out.
    """

    id: str
    key: str = ""
    kind: str
    argument: Any = None
    result: Any = None
    invoked_at: float
    returned_at: float | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A sequential object.

    `apply(state, kind, argument)` gives the next state and the result, and raises `ValueError` for a kind that it does
    not know. States must be hashable; they and results are compared by `==`. `observes(operation)` is asked about
    determinate operations, and true for one that, with this kind, argument and result, changes no state at all.
    """

    initial: State
    apply: Callable[[Any, str, Any], tuple[State, Any]]
    observes: Callable[[Operation], bool]


class Verdict(StrEnum):
    """UNKNOWN says that the budget was spent, and nothing else."""

    LINEARIZABLE = "linearizable"
    NOT_LINEARIZABLE = "not linearizable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Witness:
    """Why the operations of `key` have no order.

    `prefix` is the order that gets furthest, and `state` what it leads to. `unplaced` are the determinate operations
    that were under way at that point and are not in it, by their return. No order that agrees with what each operation
    invoked by then was told has a place for the first of them.
    """

    key: str
    prefix: tuple[Operation, ...]
    state: State
    unplaced: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """`orders` has an order for each key that was found to have one; `steps` is what the search took."""

    verdict: Verdict
    steps: int
    orders: dict[str, tuple[Operation, ...]]
    witness: Witness | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a check may take: places visited, each some 500 bytes of memory, and seconds."""

    steps: int = 1_000_000
    seconds: float = 60.0


def check(operations: Iterable[Operation], model: Model, budget: Budget | None = None) -> Finding:
    """Whether the history is linearizable: the first key that is not decides, the one with the fewest operations first.

    Each key gets an equal share of the budget that is left, so that a hard one does not hide what is wrong with
    another. Raises `ValueError` for an operation that returned before it was invoked.
    """
    plans = [_plan(key, part, model) for key, part in _by_key(operations)]
    meter = _Meter(budget or Budget())
    orders: dict[str, tuple[Operation, ...]] = {}
    for done, plan in enumerate(plans):
        meter.share(len(plans) - done)
        outcome = _search(plan, meter)
        if isinstance(outcome, Witness):
            return Finding(Verdict.NOT_LINEARIZABLE, meter.steps, orders, outcome)
        if outcome is not None:
            orders[plan.key] = outcome
    verdict = Verdict.LINEARIZABLE if len(orders) == len(plans) else Verdict.UNKNOWN
    return Finding(verdict, meter.steps, orders)


def _by_key(operations: Iterable[Operation]) -> list[tuple[str, list[Operation]]]:
    parts: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        if operation.returned_at is not None and operation.returned_at < operation.invoked_at:
            raise ValueError(f"{operation.id} returned before it was invoked")
        parts[operation.key].append(operation)
    return sorted(parts.items(), key=lambda item: len(item[1]))


@dataclass(frozen=True, slots=True)
class _Plan:
    """The operations of one key as numbers, and what of real time the search needs to know of them.

    `certain` are in the order of their returns, `possible`, the indeterminate ones, in that of their invocations. When
    `certain[n]` returned, `open_at[n]` of the certain were under way, those that only observe first, and the first
    `begun_at[n]` of the possible had been invoked. `after[m]` is the bit of the equal operation that is to be used
    before `possible[m]`.
    """

    key: str
    model: Model
    certain: Sequence[Operation]
    observers: frozenset[int]
    open_at: Sequence[Sequence[int]]
    possible: Sequence[Operation]
    begun_at: Sequence[int]
    after: Sequence[int]


def _plan(key: str, operations: Sequence[Operation], model: Model) -> _Plan:
    returned = [(each.returned_at, each.invoked_at, each) for each in operations if each.returned_at is not None]
    certain = [each for *_, each in sorted(returned, key=lambda row: row[:2])]
    unsure = [each for each in operations if each.returned_at is None]
    possible = sorted(unsure, key=lambda each: each.invoked_at)
    observers = frozenset(number for number, each in enumerate(certain) if model.observes(each))
    open_at, begun_at = _sweep(certain, possible, observers)
    return _Plan(key, model, certain, observers, open_at, possible, begun_at, _after(possible))


_CALL, _RETURN = 0, 1  # At one and the same time calls come first: who cannot tell the order must assume any.


def _sweep(
    certain: Sequence[Operation], possible: Sequence[Operation], observers: frozenset[int]
) -> tuple[list[list[int]], list[int]]:
    """`open_at` and `begun_at`, by going through all calls and returns once."""
    calls = [(each.invoked_at, _CALL, number) for number, each in enumerate(certain)]
    calls += [(each.invoked_at, _CALL, -1) for each in possible]
    returns = [(each.returned_at or 0.0, _RETURN, number) for number, each in enumerate(certain)]
    open_at: list[list[int]] = []
    begun_at: list[int] = []
    under_way: set[int] = set()
    begun = 0
    for _, event, number in sorted(calls + returns):
        if event == _RETURN:
            open_at.append(sorted(under_way, key=lambda each: (each not in observers, each)))
            begun_at.append(begun)
            under_way.discard(number)
        elif number < 0:
            begun += 1
        else:
            under_way.add(number)
    return open_at, begun_at


def _after(possible: Sequence[Operation]) -> list[int]:
    """Equality of arguments is that of their text: they need not be hashable, and 1 is not True."""
    latest: dict[tuple[str, str], int] = {}
    bits = []
    for number, each in enumerate(possible):
        what = (each.kind, repr(each.argument))
        bits.append(latest.get(what, 0))
        latest[what] = 1 << number
    return bits


class _Place(NamedTuple):
    """How far a partial order has got.

    All certain operations before the number `frontier` are in it, that one is not, and bit n of `ahead` says whether
    `frontier` + n is. `used` has a bit for each of the possible.
    """

    frontier: int
    ahead: int
    state: Any
    used: int


class _Move(NamedTuple):
    operation: Operation
    place: _Place


def _moves(plan: _Plan, place: _Place) -> Iterator[_Move]:
    """What can come next: whatever was invoked before the first return that is still to be explained."""
    frontier, ahead, state, _ = place
    for number in plan.open_at[frontier]:
        operation = plan.certain[number]
        if ahead >> (number - frontier) & 1:
            continue
        after, result = plan.model.apply(state, operation.kind, operation.argument)
        if result == operation.result:
            yield _Move(operation, _advanced(place, number, after))
            if number in plan.observers:
                return
    yield from _possible_moves(plan, place)


def _possible_moves(plan: _Plan, place: _Place) -> Iterator[_Move]:
    frontier, ahead, state, used = place
    for number in range(plan.begun_at[frontier]):
        bit, earlier = 1 << number, plan.after[number]
        if used & bit or used & earlier != earlier:
            continue
        operation = plan.possible[number]
        after, _ = plan.model.apply(state, operation.kind, operation.argument)
        yield _Move(operation, _Place(frontier, ahead, after, used | bit))


def _advanced(place: _Place, number: int, state: State) -> _Place:
    frontier, ahead = place.frontier, place.ahead | 1 << (number - place.frontier)
    passed = (~ahead & (ahead + 1)).bit_length() - 1
    return _Place(frontier + passed, ahead >> passed, state, place.used)


class _Visited:
    """Lowe's memo: for what is explained and the state, the least sets of possible operations that were used for it."""

    def __init__(self) -> None:
        self._used: dict[tuple[int, int, Any], list[int]] = {}

    def admit(self, place: _Place) -> bool:
        """False if a place that was visited can reach all that this one can."""
        known = self._used.setdefault(place[:3], [])
        used = place.used
        if any(not each & ~used for each in known):
            return False
        known[:] = [each for each in known if used & ~each]
        known.append(used)
        return True


@dataclass(slots=True)
class _Meter:
    """What of the budget is spent. The clock is read every so many steps: it costs as much as one of them."""

    budget: Budget
    steps: int = 0
    _began: float = field(default_factory=time.monotonic)
    _last_step: int = 0
    _deadline: float = 0.0

    def share(self, keys: int) -> None:
        """Grants one of so many keys its part of what is left."""
        now = time.monotonic()
        self._last_step = self.steps + (self.budget.steps - self.steps) // keys
        self._deadline = now + (self._began + self.budget.seconds - now) / keys

    def step(self) -> bool:
        """Counts one; False if there is none left."""
        if self.steps >= self._last_step or (self.steps % 256 == 0 and time.monotonic() >= self._deadline):
            return False
        self.steps += 1
        return True


def _search(plan: _Plan, meter: _Meter) -> tuple[Operation, ...] | Witness | None:
    """An order, or why there is none; None if the budget did not suffice."""
    root = _Place(0, 0, plan.model.initial, 0)
    if not plan.certain:
        return ()
    visited, path = _Visited(), list[_Move]()
    furthest, prefix = root, list[_Move]()
    pending = [_moves(plan, root)]
    while pending:
        move = next((each for each in pending[-1] if visited.admit(each.place)), None)
        if move is not None:
            path.append(move)
            if move.place.frontier == len(plan.certain):
                return tuple(each.operation for each in path)
            if not meter.step():
                return None
            pending.append(_moves(plan, move.place))
            continue
        # Only where the search turns back is it settled how far it got.
        place = path[-1].place if path else root
        if _reach(place) > _reach(furthest):
            furthest, prefix = place, path.copy()
        pending.pop()
        del path[-1:]
    return _witness(plan, furthest, prefix)


def _reach(place: _Place) -> tuple[int, int]:
    return place.frontier, place.ahead.bit_count()


def _witness(plan: _Plan, place: _Place, path: Sequence[_Move]) -> Witness:
    open_ = sorted(plan.open_at[place.frontier])
    unplaced = [plan.certain[number] for number in open_ if not place.ahead >> (number - place.frontier) & 1]
    return Witness(plan.key, tuple(move.operation for move in path), place.state, tuple(unplaced))
