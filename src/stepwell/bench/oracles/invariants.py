"""What must hold for the application whatever the store promises: money, stock, states and locks (O-10).

A transfer is an operation of kind `TRANSFER` with {"from": account or None, "to": account or None, "amount": n}. With
both it moves; a sale takes from a stock and gives to nobody. One that is `info` may have been applied or not, and
every verdict here is certain for either case.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf

from stepwell.bench.history import READ, WRITE, Op
from stepwell.bench.oracles.anomalies import Verdict, Witness
from stepwell.bench.oracles.witnesses import counted, witness

TRANSFER = "transfer"

Balances = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Economy:
    """`gamma` is YCSB+T's score, |total before - total after| per transfer. The verdict counts accounts.

    Errors that cancel out leave `gamma` at 0; the verdict has them.
    """

    gamma: float
    verdict: Verdict


def conservation(history: Iterable[Op], initial: Balances, final: Balances) -> Economy:
    """Accounts whose final balance no choice of what the `info` did explains. Exposed are all accounts.

    Where the total is wrong and each account by itself could be right, the economy as a whole counts as one.
    """
    transfers = _transfers(history)
    low, high = dict(initial), dict(initial)
    touching: dict[str, list[Op]] = defaultdict(list)
    for transfer in transfers:
        for account, change in transfer.changes():
            touching[account].append(transfer.op)
            sure = transfer.op.status == "ok"
            low[account] = low.get(account, 0) + (change if sure else min(change, 0))
            high[account] = high.get(account, 0) + (change if sure else max(change, 0))
    accounts = sorted({*low, *final})
    wrong = [each for each in accounts if not low.get(each, 0) <= final.get(each, 0) <= high.get(each, 0)]

    def show(account: str) -> Witness:
        least, most = low.get(account, 0), high.get(account, 0)
        due = str(least) if least == most else f"{least} to {most}"
        text = f"{account} holds {final.get(account, 0)}, and its {len(touching[account])} transfers make that {due}"
        return witness(text, touching[account])

    before, after = sum(initial.values()), sum(final.values())
    gamma = abs(before - after) / len(transfers) if transfers else 0.0
    found = counted(wrong, len(accounts), show)
    closed = all(transfer.closed for transfer in transfers)
    if closed and before != after and not wrong:
        found = Verdict(1, len(accounts), (Witness(f"all accounts held {before} and hold {after}", ()),))
    return Economy(gamma, found)


def overdrawn(history: Iterable[Op], initial: Balances) -> Verdict:
    """Confirmed debits that what was there, and all that may have come by then, did not cover: overdraft, oversell.

    Counts transfers; exposed are all confirmed ones that take something. Credits count from their invocation and
    debits only once they have returned, so that no order of the transfers has all of them covered.
    """
    found: list[tuple[Op, str, int]] = []
    exposed = 0
    by_account: dict[str, list[tuple[float, int, Op]]] = defaultdict(list)
    for transfer in _transfers(history):
        for account, change in transfer.changes():
            if change >= 0:
                by_account[account].append((transfer.op.invoked_at, change, transfer.op))
            elif transfer.op.status == "ok" and transfer.op.returned_at is not None:
                by_account[account].append((transfer.op.returned_at, change, transfer.op))
                exposed += 1
    for account, events in by_account.items():
        left = initial.get(account, 0)
        for _, change, op in sorted(events, key=lambda event: (event[0], -event[1])):
            if change >= 0 or left + change >= 0:
                left += change
            else:
                found.append((op, account, left))

    def show(each: tuple[Op, str, int]) -> Witness:
        op, account, left = each
        return witness(f"{op.request} was granted {op.argument['amount']} of {account}, which had {left} at most", [op])

    return counted(found, exposed, show)


@dataclass(frozen=True, slots=True)
class _Transfer:
    op: Op
    amount: int
    source: str | None
    target: str | None

    @property
    def closed(self) -> bool:
        return self.source is not None and self.target is not None

    def changes(self) -> Iterator[tuple[str, int]]:
        if self.source is not None:
            yield self.source, -self.amount
        if self.target is not None:
            yield self.target, self.amount


def _transfers(history: Iterable[Op]) -> list[_Transfer]:
    return [_transfer(op) for op in history if op.kind == TRANSFER and op.status != "fail"]


def _transfer(op: Op) -> _Transfer:
    argument = op.argument if isinstance(op.argument, Mapping) else {}
    amount = argument.get("amount")
    if not isinstance(amount, int) or amount < 0:
        raise ValueError(f"{op.id} transfers {amount!r}; the amount must be a whole number of at least 0")
    return _Transfer(op, amount, argument.get("from"), argument.get("to"))


def illegal_transitions(history: Iterable[Op], initial: str, legal: Mapping[str, Collection[str]]) -> Verdict:
    """Keys with two confirmed writes of states that no legal way leads through in the order in which they came.

    A write has {"state": name}; `legal` has the states that each may go to at once. Two writes at the same time may
    have come in either order. Counts keys; exposed are those that were written.
    """
    reachable = _reachable(legal)
    by_key: dict[str, list[Op]] = defaultdict(list)
    for op in sorted(history, key=lambda op: op.invoked_at):
        if op.kind == WRITE and op.status == "ok":
            by_key[op.key].append(op)
    found = [next(_illegal(ops, initial, reachable), None) for ops in by_key.values()]
    return counted([each for each in found if each], len(by_key), lambda each: each)


def _reachable(legal: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """What each state can come to, itself included: to write the same state again changes nothing."""
    reachable = {state: {state, *legal[state]} for state in legal}
    for state in {each for many in legal.values() for each in many}:
        reachable.setdefault(state, {state})
    for middle, start in product(reachable, reachable):
        if middle in reachable[start]:
            reachable[start] |= reachable[middle]
    return reachable


def _illegal(ops: Sequence[Op], initial: str, reachable: Mapping[str, set[str]]) -> Iterator[Witness]:
    by_state: dict[str, list[Op]] = defaultdict(list)
    for op in ops:
        by_state[_state(op)].append(op)
    for state, rows in by_state.items():
        if state not in reachable.get(initial, (initial,)):
            yield witness(f"{rows[0].key} was made {state}, which {initial} never comes to", rows[:1])
    for before, after in product(by_state, by_state):
        if after in reachable.get(before, (before,)):
            continue
        one, other = min(by_state[before], key=_returned_at), by_state[after][-1]
        if _returned_at(one) < other.invoked_at:
            yield witness(f"{one.key} was made {before} and later {after}, which is not legal", [one, other])
        elif before not in reachable.get(after, (after,)):
            yield witness(f"{one.key} was made {before} and {after}, and neither comes to the other", [one, other])


def _state(op: Op) -> str:
    state = op.argument.get("state") if isinstance(op.argument, Mapping) else None
    if not isinstance(state, str):
        raise ValueError(f"{op.id} wrote {op.key} without a state")
    return state


def _returned_at(op: Op) -> float:
    return inf if op.returned_at is None else op.returned_at


def overlapping_sections(history: Iterable[Op], key: str) -> Verdict:
    """Times when two held the lock that protects `key`, by what the store did for them and not by their own clocks.

    A holder is one attempt of one worker at a request. Its section lasts from its first confirmed operation on the key
    to its last confirmed write; where nothing was written, as by one whose fencing token was refused, there is none.
    An operation took place at some time between its call and its return, so a section certainly lasts from the return
    of the first to the call of the last, and only that counts. Counts holders that came into another's section;
    exposed are all.
    """
    sections = sorted(_sections(history, key), key=lambda section: section.begun)
    begun = [section.begun for section in sections]
    longest: list[_Section] = []
    for section in sections:
        longest.append(max([*longest[-1:], section], key=lambda each: each.ended))
    found: list[tuple[_Section, _Section]] = []
    for number, section in enumerate(sections):
        earlier = min(number, bisect_left(begun, section.ended))
        if earlier and longest[earlier - 1].ended > section.begun:
            found.append((longest[earlier - 1], section))

    def show(pair: tuple[_Section, _Section]) -> Witness:
        text = " and ".join(f"{each.rows[0].request} ({each.rows[0].worker})" for each in pair)
        return witness(f"{text} were both at {key} at once", [*pair[0].rows, *pair[1].rows])

    return counted(found, len(sections), show)


@dataclass(frozen=True, slots=True)
class _Section:
    """`ended` is before `begun` where one operation is all there is: it was at one time between the two."""

    begun: float
    ended: float
    rows: tuple[Op, ...]


def _sections(history: Iterable[Op], key: str) -> Iterator[_Section]:
    holders: dict[tuple[str, str, int], list[Op]] = defaultdict(list)
    for op in sorted(history, key=lambda op: op.invoked_at):
        if op.key == key and op.kind in (READ, WRITE) and op.status == "ok":
            holders[op.worker, op.request, op.attempt].append(op)
    for ops in holders.values():
        writes = [op for op in ops if op.kind == WRITE]
        if writes:
            rows = (ops[0],) if ops[0] is writes[-1] else (ops[0], writes[-1])
            yield _Section(_returned_at(ops[0]), writes[-1].invoked_at, rows)
