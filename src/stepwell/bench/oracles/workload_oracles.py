"""What is particular to a workload: rules of its own, or records that it does not change by one.

Each function turns what was recorded of one cell into verdicts by measure, which take the place of the usual ones. All
of them follow the rules of `anomalies`: an `info` is never evidence by itself, and every count has its witnesses.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from stepwell.bench.catalog import APPROVAL, APPROVAL_EXPIRING, DUPLICATED, FAN, LEDGER, LOG, LOST, PAIR, WORKFLOW
from stepwell.bench.history import EMIT, READ, WRITE, Effect, Fired, Op
from stepwell.bench.oracles import anomalies
from stepwell.bench.oracles.anomalies import Findings, Verdict, Witness, verdict
from stepwell.bench.oracles.fractures import fractured_reads, read_own_writes
from stepwell.bench.oracles.invariants import TRANSFER, conservation, overdrawn
from stepwell.bench.oracles.steps import STEP, Progress, lost_progress
from stepwell.bench.worker.workloads import approval, fan, ledger, log, pair, workflow


@dataclass(frozen=True, slots=True)
class Recorded:
    """Of one cell. `finals` are its records by name as they were in the end; `shared` the one of all requests, if any.

    `exposed` are the requests that the fault has met, `again` those of them that may have been done again for it.
    """

    ops: Sequence[Op]
    effects: Sequence[Effect]
    fired: Sequence[Fired]
    finals: Mapping[str, Mapping[str, Any]]
    exposed: Collection[str]
    again: Collection[str]
    shared: str | None

    @property
    def acknowledged(self) -> set[str]:
        return anomalies.acknowledged(self.ops).keys() & set(self.exposed)

    def value(self, name: str) -> int:
        return int(self.finals.get(name, {}).get("value", 0))


Verdicts = dict[str, Verdict]


def ledger_verdicts(recorded: Recorded) -> Verdicts:
    """Own accounts: each request moves the amount once. Shared ones: what they hold is what their transfers make."""
    if recorded.shared:
        return {LOST: _economy(recorded, recorded.shared)}
    records = [name for name in recorded.finals if not name.endswith(ledger.OTHER)]
    sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for record in records:
        request = record.replace("/", "-")
        for side, account in zip(sides, ledger.accounts(record, request), strict=True):
            side[request] = account
    twice: dict[str, Witness] = {}
    missing: dict[str, Witness] = {}
    for accounts in sides:
        times = {request: abs(recorded.value(account)) // ledger.AMOUNT for request, account in accounts.items()}
        ops = _about(recorded.ops, set(accounts.values()))
        twice |= anomalies.repeated_changes(ops, times)
        missing |= anomalies.missing_changes(ops, times)
    return {DUPLICATED: verdict(twice, recorded.again), LOST: verdict(missing, recorded.acknowledged)}


def _economy(recorded: Recorded, record: str) -> Verdict:
    """Balances that no order of the transfers explains, or money that was not there: the larger of the two counts."""
    accounts = (record, record + ledger.OTHER)
    writes = [op for op in map(anomalies.of_record, recorded.ops) if _writes_record(op) and op.key in accounts]
    transfers = [_half(write, record) for write in writes]
    opened = dict.fromkeys(accounts, ledger.OPENING)
    held = {account: ledger.OPENING + recorded.value(account) for account in accounts}
    return _larger(conservation(transfers, opened, held).verdict, overdrawn(transfers, opened))


def _half(write: Op, record: str) -> Op:
    """One half of a transfer: what the write of an account took from it or gave to it."""
    source, target = ledger.accounts(record, write.request)
    sides = {"from": source if write.key == source else None, "to": target if write.key == target else None}
    return msgspec.structs.replace(write, kind=TRANSFER, argument=sides | {"amount": ledger.AMOUNT})


def log_verdicts(recorded: Recorded) -> Verdicts:
    """Nobody minds a line twice. Lost are batches."""
    if recorded.shared:
        lost = anomalies.lost_updates(recorded.ops, recorded.shared, recorded.value(recorded.shared) // log.LINES)
    else:
        batches = {name.replace("/", "-"): recorded.value(name) // log.LINES for name in recorded.finals}
        lost = verdict(anomalies.missing_changes(recorded.ops, batches), recorded.acknowledged)
    return {DUPLICATED: verdict({}, recorded.again), LOST: lost}


def workflow_verdicts(recorded: Recorded) -> Verdicts:
    """Lost is, besides a step that never was, the progress that a crash threw back (O-5)."""
    missing = verdict(
        anomalies.missing_effects(recorded.ops, recorded.effects, [{name} for name in workflow.NAMES]),
        recorded.acknowledged,
    )
    return {LOST: _larger(progress(recorded.ops, recorded.fired).verdict, missing)}


def progress(ops: Iterable[Op], crashes: Iterable[Fired]) -> Progress:
    """How far the workflows were thrown back by these crashes."""
    ops = list(ops)
    return lost_progress([*step_rows(ops), *ops], crashes, workflow.NAMES)


def step_rows(ops: Iterable[Op]) -> list[Op]:
    """The runs of the steps' bodies: each effect is one.

    It is durable when the write that remembers it has returned, or at the latest when a later step has begun.
    """
    bodies: dict[str, list[Op]] = defaultdict(list)
    remembered: dict[tuple[str, int, str], list[Op]] = defaultdict(list)
    for op in ops:
        if op.kind == EMIT:
            bodies[op.request].append(op)
        elif op.kind == WRITE and op.status == "ok":
            remembered[op.worker, op.attempt, op.key].append(op)
    rows = []
    for body in (body for runs in bodies.values() for body in runs):
        step = body.argument["type"]
        written = remembered[body.worker, body.attempt, f"{body.request}/{step}"]
        later = [each for each in bodies[body.request] if each.argument["type"] > step]
        at = [op.returned_at for op in written if op.invoked_at > body.invoked_at and op.returned_at]
        at += [each.invoked_at for each in later if each.invoked_at > body.invoked_at]
        ended = {"returned_at": min(at), "status": "ok"} if at else {"returned_at": None, "status": "info"}
        rows.append(msgspec.structs.replace(body, kind=STEP, step=step, **ended))
    return rows


def approval_verdicts(recorded: Recorded) -> Verdicts:
    """Where all wait for ever nothing is acknowledged, and nothing is lost either: all that were asked for count."""
    required = [{approval.ASK}, {"ship", "escalate"}]
    return {LOST: verdict(anomalies.missing_effects(recorded.ops, recorded.effects, required), recorded.exposed)}


def fan_verdicts(recorded: Recorded) -> Verdicts:
    """Lost is, besides a branch or a join that never was, a branch that the join did not wait for."""
    required = [{name} for name in (*fan.NAMES, fan.JOIN)]
    missing = anomalies.missing_effects(recorded.ops, recorded.effects, required)
    return {LOST: verdict({**early_joins(recorded.effects), **missing}, recorded.acknowledged)}


def early_joins(effects: Iterable[Effect]) -> Findings:
    """Requests whose join came before the work of a branch was done for the first time."""
    first: dict[tuple[str, str], Effect] = {}
    for effect in effects:
        first.setdefault((effect.request, effect.type), effect)
    found = {}
    for (request, type), join in first.items():
        late = [first[request, name] for name in fan.NAMES if (request, name) in first]
        late = [branch for branch in late if branch.sequence > join.sequence]
        if type == fan.JOIN and late:
            text = f"{request} was joined as #{join.sequence}, before {late[0].type} was done as #{late[0].sequence}"
            found[request] = Witness(text, tuple(msgspec.to_builtins(row) for row in (join, late[0])))
    return found


def pair_verdicts(recorded: Recorded) -> Verdicts:
    """Lost are, to a transaction, its own writes or one half of another's (O-8)."""
    ops = [_named(op) for op in map(anomalies.of_record, recorded.ops) if op.kind == READ or _writes_record(op)]
    return {LOST: _larger(fractured_reads(ops), read_own_writes(ops))}


def _named(op: Op) -> Op:
    """A read with the name of the request whose number it found."""
    number = (op.result or {}).get("value", 0) if op.kind == READ and isinstance(op.result, Mapping) else 0
    if not number:
        return msgspec.structs.replace(op, result=None)
    return msgspec.structs.replace(op, result={"transaction": pair.request_of(op.request, number)})


def _about(ops: Iterable[Op], keys: Collection[str]) -> list[Op]:
    return [op for op in map(anomalies.of_record, ops) if op.kind not in (READ, WRITE) or op.key in keys]


def _writes_record(op: Op) -> bool:
    return op.kind == WRITE and isinstance(op.argument, Mapping) and "value" in op.argument


def _larger(one: Verdict, other: Verdict) -> Verdict:
    """They are counted in different things, so that they cannot be added; the larger is certain."""
    return other if other.count > one.count or not one.exposed else one


PARTICULAR: Mapping[str, Callable[[Recorded], Verdicts]] = {
    LEDGER: ledger_verdicts, WORKFLOW: workflow_verdicts, LOG: log_verdicts, FAN: fan_verdicts, PAIR: pair_verdicts,
    APPROVAL: approval_verdicts, APPROVAL_EXPIRING: approval_verdicts,
}  # fmt: skip
