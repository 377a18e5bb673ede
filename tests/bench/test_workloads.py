"""The workloads' logic under a strategy that is right, their machines, and the oracles that are theirs alone."""

import json
import os
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.bench.histories import RUN, History

from stepwell.asl.compile import check_definition
from stepwell.bench.catalog import (
    APPROVAL,
    APPROVAL_EXPIRING,
    BLIND,
    CALM,
    CONDITIONAL,
    DUPLICATE,
    DUPLICATED,
    EXPECTED,
    FAN,
    FAULTS,
    HOT_KEY,
    KEYED,
    LEDGER,
    LOST,
    NO_CALLBACK,
    ORCHESTRATION,
    PAIR,
    POSSIBLE,
    QUEUE_BARE,
    QUEUED,
    SINGLE_WRITER,
    STRATEGIES,
    STUCK,
    WORKFLOW,
    WORKLOADS,
)
from stepwell.bench.history import Fired
from stepwell.bench.load import machines, people
from stepwell.bench.oracles.workload_oracles import (
    Recorded,
    early_joins,
    fan_verdicts,
    ledger_verdicts,
    log_verdicts,
    pair_verdicts,
    progress,
    step_rows,
    workflow_verdicts,
)
from stepwell.bench.plan import OTHERS, Plan, cells
from stepwell.bench.run import Settings, run
from stepwell.bench.worker.call import Call, InProgress, Record
from stepwell.bench.worker.workloads import approval, approval_expiring, decision, fan, ledger, log, pair, workflow


class InMemory:
    """A strategy of one process that does one thing at a time, and therefore nothing wrong."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.results: dict[str, Record] = {}
        self.effects: list[tuple[str, str]] = []

    def begin(self, call: Call) -> Record | None:
        return self.results.get(call.id)

    def read(self, call: Call, name: str) -> Record:
        record = self.records.get(name, {"value": 0, "requests": []})
        return record | {"applied": call.request in record["requests"]}

    def write(self, call: Call, name: str, record: Record) -> bool:
        self.records[name] = {"value": record["value"], "requests": [*record["requests"], call.request]}
        return True

    def emit(self, call: Call, type: str) -> Record:
        return call.effect(type, None)

    def commit(self, call: Call, result: Record) -> None:
        self.results[call.id] = result

    def value(self, name: str) -> int:
        return int(self.records[name]["value"])


@pytest.fixture
def strategy() -> InMemory:
    return InMemory()


def perform(strategy: InMemory, workload: str, request: str, **state: Any) -> Record:
    """All steps of the workload, as the worker does them."""

    def effect(type: str, key: str | None) -> Record:
        strategy.effects.append((request, type))
        return {"sequence": len(strategy.effects), "repeated": False}

    call = Call(
        stores=None, table="", names={}, request=request, step="", invocation="", key=None,  # type: ignore[arg-type]
        effect=effect, pause=lambda attempt: None, remaining_milliseconds=lambda: 1000,
    )  # fmt: skip
    steps = import_module(f"stepwell.bench.worker.workloads.{workload.replace('-', '_')}").STEPS
    for step, function in steps.items():
        state |= function(strategy, call.at(step), state)
    return state


def recorded(history: History, **more: Any) -> Recorded:
    """Of a cell in which the fault has met all requests."""
    requests = {op.request for op in history.ops} | {effect.request for effect in history.effects}
    given = {"fired": (), "finals": {}, "exposed": requests, "again": requests, "shared": None} | more
    return Recorded(ops=history.ops, effects=history.effects, **given)


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_catalogue_has_the_steps_that_the_worker_does(name: str) -> None:
    steps = import_module(f"stepwell.bench.worker.workloads.{name.replace('-', '_')}").STEPS
    assert WORKLOADS[name].steps == tuple(steps)


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("name", WORKLOADS)
def test_its_machine_is_valid(name: str, keyed: bool) -> None:
    function = "arn:aws:lambda:us-east-1:123456789012:function:work"
    definition = machines.machine_of(WORKLOADS[name], function, keyed=keyed)
    assert not check_definition(json.dumps(definition))


def test_all_that_is_expected_is_known_and_planned() -> None:
    assert {fault for _, fault in {**EXPECTED, **POSSIBLE}} <= set(FAULTS)
    assert {strategy for cell in EXPECTED.values() for strategy in cell} <= set(STRATEGIES)
    assert {cell.workload for cell in OTHERS} == set(WORKLOADS) - {"counter", "charge", "order"}


def test_a_ledger_keeps_its_money_and_grants_no_overdraft(strategy: InMemory) -> None:
    moved = [perform(strategy, "ledger", f"r-{number}", record="a")["moved"] for number in range(40)]
    held = [ledger.OPENING + strategy.value(name) for name in ("a", "a" + ledger.OTHER)]
    assert sum(held) == 2 * ledger.OPENING and min(held) >= 0
    assert True in moved and False in moved
    before = dict(strategy.records)
    perform(strategy, "ledger", "r-0", record="a")
    assert strategy.records == before


def test_fifty_steps_each_have_their_effect_once(strategy: InMemory) -> None:
    first = perform(strategy, "workflow", "r-0", record="a")
    assert perform(strategy, "workflow", "r-0", record="a") == first
    assert strategy.effects == [("r-0", name) for name in workflow.NAMES] and len(workflow.NAMES) == 50


def test_the_last_branch_joins_and_no_other_even_when_all_come_twice(strategy: InMemory) -> None:
    for branch in [0, 1, 1, 2, 0, 3, 3, 2]:
        perform(strategy, "fan", "r-0", record="a", branch=branch)
    types = [type for _, type in strategy.effects]
    assert types == [*fan.NAMES, fan.JOIN]


def test_an_approval_waits_for_its_answer(strategy: InMemory) -> None:
    with pytest.raises(InProgress):
        perform(strategy, "approval", "r-0", record="a")
    perform(strategy, "decision", "r-0", record="a")
    perform(strategy, "decision", "r-0", record="a")
    assert perform(strategy, "approval", "r-0", record="a")["answer"] == {"approved": True}
    assert strategy.effects == [("r-0", approval.ASK), ("r-0", "ship")] and strategy.value("a") == 1
    assert tuple(decision.STEPS) == (decision.DECIDE,)


def test_an_approval_that_expires_is_escalated_and_stays_so(
    strategy: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    for later in (0.0, approval_expiring.EXPIRES_SECONDS):
        now = 1000.0 + later
        with pytest.raises(InProgress):
            perform(strategy, "approval-expiring", "r-0", record="a")
    now += 0.1
    perform(strategy, "approval-expiring", "r-0", record="a")
    perform(strategy, "decision", "r-0", record="a")
    perform(strategy, "approval-expiring", "r-0", record="a")
    assert [type for _, type in strategy.effects] == [approval.ASK, "escalate"]


def test_a_pair_is_written_and_read_whole_by_one_after_the_other(strategy: InMemory) -> None:
    for number in range(3):
        read = perform(strategy, "pair", f"r-{number}", record="a")
        assert read[f"read{pair.OTHER}"] == [number + 1, number + 1]
    assert pair.request_of("r-9", pair.number("r-2")) == "r-2"


def test_lines_are_added_in_batches(strategy: InMemory) -> None:
    for number in range(3):
        perform(strategy, "log", f"r-{number}", record="a")
    assert strategy.value("a") == 3 * log.LINES


REQUEST, RECORD = f"{RUN}/0".replace("/", "-"), f"{RUN}/0"


@pytest.mark.parametrize(
    ("source", "target", "duplicated", "lost"),
    [(-1, 1, 0, 0), (-2, 1, 1, 0), (-1, 2, 1, 0), (0, 1, 0, 1), (-1, 0, 0, 1), (-2, 0, 1, 1)],
    ids=["once", "debited twice", "credited twice", "never debited", "never credited", "both"],
)
def test_a_transfer_between_own_accounts_happens_once_on_both_sides(
    history: History, source: int, target: int, duplicated: int, lost: int
) -> None:
    history.op("acknowledge", REQUEST)
    accounts = ledger.accounts(RECORD, REQUEST)
    values = (source * ledger.AMOUNT, target * ledger.AMOUNT)
    finals = {name: {"value": value} for name, value in zip(accounts, values, strict=True)}
    found = ledger_verdicts(recorded(history, finals=finals))
    assert (found[DUPLICATED].count, found[LOST].count) == (duplicated, lost)
    assert found[DUPLICATED].exposed == found[LOST].exposed == 1


def moves(history: History, record: str, numbers: list[int]) -> dict[str, dict[str, int]]:
    """These requests' halves in the history, and what the accounts hold when all of them are in there."""
    values = {record: 0, record + ledger.OTHER: 0}
    for number in numbers:
        request = f"r-{number}"
        for account, amount in zip(ledger.accounts(record, request), (-ledger.AMOUNT, ledger.AMOUNT), strict=True):
            values[account] += amount
            history.op("write", request, key=account, argument={"value": values[account], "version": 1})
    return {name: {"value": value} for name, value in values.items()}


def one_way(record: str, times: int) -> list[int]:
    """Numbers of requests that all take from the first account."""
    return [number for number in range(100) if ledger.accounts(record, f"r-{number}")[0] == record][:times]


def test_shared_accounts_hold_what_their_transfers_make(history: History) -> None:
    finals = moves(history, "s", one_way("s", 2))
    assert ledger_verdicts(recorded(history, finals=finals, shared="s"))[LOST].count == 0
    wrong = finals | {"s": {"value": finals["s"]["value"] + ledger.AMOUNT}}
    found = ledger_verdicts(recorded(history, finals=wrong, shared="s"))[LOST]
    assert found.count == 1 and found.witnesses[0].text.startswith("s holds")


def test_more_than_there_was_cannot_have_been_taken(history: History) -> None:
    finals = moves(history, "s", one_way("s", ledger.OPENING // ledger.AMOUNT + 1))
    found = ledger_verdicts(recorded(history, finals=finals, shared="s"))[LOST]
    assert found.count == 1 and "was granted" in found.witnesses[0].text


def test_a_lost_write_that_another_hid_is_a_lost_batch_and_a_second_one_is_nothing(history: History) -> None:
    for request in ("a", "b"):
        history.cycle(request, 0)
    found = log_verdicts(recorded(history, finals={"k": {"value": log.LINES}}, shared="k"))
    assert found[LOST].count == 1 and found[DUPLICATED].count == 0
    own = History()
    own.op("acknowledge", REQUEST)
    twice = log_verdicts(recorded(own, finals={RECORD: {"value": 2 * log.LINES}}))
    none = log_verdicts(recorded(own, finals={RECORD: {"value": 0}}))
    assert (twice[DUPLICATED].count, twice[LOST].count, none[LOST].count) == (0, 0, 1)


def steps(history: History, attempt: int, *numbers: int, remembering: bool) -> None:
    """One attempt at request r that does these steps; each is remembered by a write of its own after a claim."""
    for name in (workflow.NAMES[number] for number in numbers):
        worker = f"w{attempt}"
        history.op("write", "r", key=f"r/{name}", attempt=attempt, worker=worker)
        history.op("emit", "r", attempt=attempt, worker=worker, argument={"type": name, "key": None})
        history.effect("r", name, attempt)
        if remembering:
            history.op("write", "r", key=f"r/{name}", attempt=attempt, worker=worker)


def crash(at: float) -> list[Fired]:
    return [Fired(fault="crash", run=RUN, request="r", worker="w1", at=at)]


def test_who_remembers_nothing_is_thrown_back_to_the_first_step(history: History) -> None:
    steps(history, 1, 0, 1, 2, remembering=False)
    died_at = float(len(history.ops))
    steps(history, 2, 0, 1, 2, 3, remembering=False)
    found = progress(history.ops, crash(died_at))
    # The third step's end was not seen by anybody.
    assert (found.verdict.count, found.repeated, found.depth, found.restarted) == (1, 2, 2, 1)
    lost = workflow_verdicts(recorded(history, fired=crash(died_at)))[LOST]
    assert lost.count == 1 and "did 2 steps again" in lost.witnesses[0].text


def test_a_step_whose_end_was_not_remembered_is_not_lost_progress(history: History) -> None:
    steps(history, 1, 0, 1, remembering=True)
    steps(history, 1, 2, remembering=False)
    died_at = float(len(history.ops))
    steps(history, 2, 2, 3, remembering=True)
    found = progress(history.ops, crash(died_at))
    assert (found.verdict.count, found.verdict.exposed, found.depth) == (0, 1, 0)
    assert [row.status for row in step_rows(history.ops)].count("info") == 0


def test_a_claim_before_the_effect_does_not_make_a_step_durable(history: History) -> None:
    steps(history, 1, 0, remembering=False)
    [row] = step_rows(history.ops)
    assert (row.kind, row.step, row.status, row.returned_at) == ("step", workflow.NAMES[0], "info", None)


@pytest.mark.parametrize(
    ("types", "early"),
    [
        ([*fan.NAMES, fan.JOIN], 0),
        ([*fan.NAMES[1:], fan.JOIN, fan.NAMES[0]], 1),
        ([*fan.NAMES, fan.JOIN, fan.NAMES[0]], 0),
        ([*fan.NAMES[1:], fan.JOIN], 0),
    ],
    ids=["after all", "before one", "one again after it", "one is missing"],
)
def test_a_join_waits_for_all_branches(history: History, types: list[str], early: int) -> None:
    for type in types:
        history.effect("r", type)
    assert len(early_joins(history.effects)) == early
    history.op("acknowledge", "r")
    missing = set(fan.NAMES) - set(types)
    assert fan_verdicts(recorded(history))[LOST].count == (1 if early or missing else 0)


def test_a_write_in_a_transaction_is_one_of_the_record(history: History) -> None:
    finals = moves(history, "s", one_way("s", 2))
    history.ops = [
        msgspec.structs.replace(op, key=f"mark {op.key}", argument=[{"id": "mark"}, {"id": op.key, **op.argument}])
        for op in history.ops
    ]
    assert ledger_verdicts(recorded(history, finals=finals, shared="s"))[LOST].count == 0


def pair_of(history: History, request: str, reads: tuple[int, int]) -> None:
    """A transaction that writes both records and has read these values of others before."""
    for key, number in zip(("p", "p" + pair.OTHER), reads, strict=True):
        history.op("read", request, key=key, result={"value": number, "version": 1} if number else None)
    for key in ("p", "p" + pair.OTHER):
        history.op("write", request, key=key, argument={"value": pair.number(request), "version": 2})


def test_half_of_another_transaction_is_a_fractured_read(history: History) -> None:
    pair_of(history, "r-0", (0, 0))
    pair_of(history, "r-1", (1, 1))
    assert pair_verdicts(recorded(history))[LOST].count == 0
    pair_of(history, "r-2", (2, 1))
    found = pair_verdicts(recorded(history))[LOST]
    assert found.count == 1
    assert found.witnesses[0].text == f"r-2 read p from r-1 and p{pair.OTHER} from r-0, but r-1 wrote p{pair.OTHER} too"


def test_a_mailbox_is_read_by_whole_lines(tmp_path: Path) -> None:
    box = tmp_path / "effects.jsonl"
    assert people._after(box, 0) == ([], 0)
    box.write_bytes(b"one\ntwo\nthr")
    rows, position = people._after(box, 0)
    assert rows == [b"one", b"two"]
    assert people._after(box, position) == ([], position)
    with box.open("ab") as file:
        file.write(b"ee\n")
    assert people._after(box, position)[0] == [b"three"]


@pytest.mark.e2e
def test_on_real_parts_each_breaks_where_it_was_expected_to() -> None:
    planned = (
        *cells((FAN,), (QUEUE_BARE, QUEUED, ORCHESTRATION, KEYED), (DUPLICATE,)),
        *cells((APPROVAL, APPROVAL_EXPIRING), (CONDITIONAL, QUEUED, ORCHESTRATION), (NO_CALLBACK,)),
        *cells((LEDGER,), (BLIND, CONDITIONAL), (HOT_KEY,)),
        *cells((PAIR,), (CONDITIONAL, SINGLE_WRITER), (HOT_KEY,)),
        *cells((WORKFLOW,), (CONDITIONAL, ORCHESTRATION), ()),
    )
    plan = Plan(name=f"test-{os.getpid():x}", cells=planned, seconds=12, calm=3)
    report = run(plan, Settings(seed=3), lambda phase, left: None)
    assert not [(each.workload, each.strategy, each.fault, each.invalid) for each in report.outcomes if each.invalid]
    assert not [
        (each.workload, each.strategy, each.fault, each.verdicts) for each in report.outcomes if each.disagreements
    ]
    found = {(each.workload, each.strategy, each.fault): set(each.found) for each in report.outcomes}
    assert found[FAN, QUEUE_BARE, DUPLICATE] >= {DUPLICATED} and not found[FAN, QUEUED, DUPLICATE]
    for strategy in (CONDITIONAL, QUEUED, ORCHESTRATION):
        assert found[APPROVAL, strategy, NO_CALLBACK] == {STUCK}
        assert not found[APPROVAL_EXPIRING, strategy, NO_CALLBACK] | found[APPROVAL, strategy, CALM]
    assert found[LEDGER, BLIND, HOT_KEY] == found[PAIR, CONDITIONAL, HOT_KEY] == {LOST}
    calls = {each.strategy: each.calls for each in report.profiles if each.workload == WORKFLOW}
    assert calls[ORCHESTRATION]["states.Transition"] == calls[CONDITIONAL]["outside.effect"] == 50
