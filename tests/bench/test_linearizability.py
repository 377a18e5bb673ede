"""Verdicts on classic histories, against an exhaustive search on small ones, and on recorded ones where they are."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, combinations, permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.bench.histories import History

from stepwell.bench.oracles import anomalies
from stepwell.bench.oracles.linearizability import Budget, Finding, Model, Operation, Verdict, check
from stepwell.bench.oracles.sequential import COUNTER, REGISTER, VALUE, counter_operations

FOLDER = Path(os.environ.get("STEPWELL_CONFORMANCE") or Path(__file__).parents[3] / "shared" / "conformance")
RECORDED = FOLDER / "linearizability"


def op(kind: str, invoked: float, returned: float | None, argument: Any = None, result: Any = None) -> Operation:
    id = f"{kind} {argument} {result} {invoked}"
    return Operation(id=id, kind=kind, argument=argument, result=result, invoked_at=invoked, returned_at=returned)


def write(value: Any, invoked: float, returned: float | None = None) -> Operation:
    return op("write", invoked, returned, value)


def read(value: Any, invoked: float, returned: float | None = None) -> Operation:
    return op("read", invoked, returned, None, value)


def swap(expected: Any, value: Any, done: bool, invoked: float, returned: float | None = None) -> Operation:
    return op("compare_and_set", invoked, returned, (expected, value), done)


def append(text: str, invoked: float, returned: float | None = None) -> Operation:
    return op("append", invoked, returned, text)


def get(text: str, invoked: float, returned: float | None = None) -> Operation:
    return op("get", invoked, returned, None, text)


def add(result: int, invoked: float, returned: float | None = None) -> Operation:
    return op("add_and_get", invoked, returned, 1, result)


def on(key: str, *operations: Operation) -> list[Operation]:
    return [structs.replace(each, key=key, id=f"{key}: {each.id}") for each in operations]


POSSIBLE: dict[str, tuple[Model, list[Operation]]] = {
    "nothing happened": (REGISTER, []),
    "what was written is read": (REGISTER, [write(1, 0, 1), read(1, 2, 3)]),
    "a read beside a write sees the old value": (REGISTER, [write(1, 0, 3), read(None, 1, 2)]),
    "a read beside a write sees the new value": (REGISTER, [write(1, 0, 3), read(1, 1, 2)]),
    "touching times are concurrent": (REGISTER, [write(1, 0, 1), read(None, 1, 2)]),
    "writes beside each other in the order that reads tell": (
        REGISTER,
        [write(1, 0, 9), write(2, 0, 9), read(2, 1, 2), read(1, 3, 4)],
    ),
    "a write back to the same value has its use": (
        REGISTER,
        [write(1, 0, 1), write(1, 2, 6), write(2, 2, 9), read(2, 3, 4), read(1, 5, 7)],
    ),
    "compare and set, one of two": (REGISTER, [write(1, 0, 1), swap(1, 2, True, 2, 5), swap(1, 3, False, 3, 4)]),
    "a pending write that has not counted yet counts late": (REGISTER, [write(1, 0), read(None, 2, 3), read(1, 4, 5)]),
    "a pending write that never counts": (REGISTER, [write(1, 0), read(None, 2, 3)]),
    "two pending writes of one value count one each": (
        REGISTER,
        [write(2, 0), write(2, 0.5), read(2, 1, 2), write(1, 3, 4), read(2, 5, 6)],
    ),
    "a pending write is saved for when it is needed": (
        REGISTER,
        [write(1, 0, 2), write(2, 0, 3), write(1, 0.5), read(1, 4, 5), write(3, 6, 7), read(1, 8, 9)],
    ),
    "what a pending operation seems to have returned is ignored": (
        REGISTER,
        [write(1, 0, 1), swap(1, 2, False, 2), read(2, 3, 4)],
    ),
    "appends in the order that gets tell": (VALUE, [append("a", 0, 5), append("b", 0, 5), get("ba", 6, 7)]),
    "put replaces": (VALUE, [append("a", 0, 1), op("put", 2, 3, "b"), append("c", 4, 5), get("bc", 6, 7)]),
    "additions beside each other": (COUNTER, [add(2, 0, 5), add(1, 1, 5), read(2, 6, 7)]),
    "additions that were told nothing": (COUNTER, [op("add", 0, 1, 5), op("add", 0, 1, -2), read(3, 2, 3)]),
    "each key has its own order": (REGISTER, [*on("a", write(1, 0, 1), read(1, 2, 3)), *on("b", read(None, 2, 3))]),
}

IMPOSSIBLE: dict[str, tuple[Model, list[Operation], str]] = {
    "stale read": (REGISTER, [write(1, 0, 1), read(None, 2, 3)], "read None None 2"),
    "read from nowhere": (REGISTER, [write(1, 0, 1), read(2, 2, 3)], "read None 2 2"),
    "read from the future": (REGISTER, [read(1, 0, 1), write(1, 2, 3)], "read None 1 0"),
    "the old value after the new": (REGISTER, [write(1, 0, 9), read(1, 1, 2), read(None, 3, 4)], "read None None 3"),
    "a value that was overwritten comes back": (
        REGISTER,
        [write(1, 0, 9), write(2, 0, 9), read(1, 1, 2), read(2, 3, 4), read(1, 5, 6)],
        "read None 1 5",
    ),
    "two compare and set on one value": (
        REGISTER,
        [write(1, 0, 1), swap(1, 2, True, 2, 5), swap(1, 3, True, 3, 4)],
        "compare_and_set (1, 2) True 2",
    ),
    "a compare and set refused for nothing": (
        REGISTER,
        [write(1, 0, 1), swap(1, 2, False, 2, 3)],
        "compare_and_set (1, 2) False 2",
    ),
    "a pending write counts before it was made": (REGISTER, [read(1, 0, 1), write(1, 2)], "read None 1 0"),
    "a pending write counts twice": (
        REGISTER,
        [write(2, 0), read(2, 1, 2), write(1, 3, 4), read(2, 5, 6)],
        "read None 2 5",
    ),
    "a lost append": (VALUE, [append("a", 0, 1), append("b", 0, 1), get("b", 2, 3)], "get None b 2"),
    "an append applied twice": (VALUE, [append("a", 0, 1), get("aa", 2, 3)], "get None aa 2"),
    "gets that disagree": (
        VALUE,
        [append("a", 0, 9), append("b", 0, 9), get("a", 1, 2), get("b", 3, 4)],
        "get None b 3",
    ),
    "a lost update": (COUNTER, [add(1, 0, 3), add(1, 1, 4)], "add_and_get 1 1 1"),
    "a counter that goes back": (COUNTER, [op("add", 0, 1, 2), read(2, 2, 3), read(1, 4, 5)], "read None 1 4"),
    "one key of two": (
        REGISTER,
        [*on("a", write(1, 0, 1)), *on("b", write(1, 0, 1), read(2, 2, 3))],
        "b: read None 2 2",
    ),
}


@pytest.mark.parametrize("name", POSSIBLE)
def test_what_one_object_can_have_done_is_linearizable(name: str) -> None:
    model, operations = POSSIBLE[name]
    finding = check(operations, model)
    assert finding.verdict == Verdict.LINEARIZABLE
    assert finding.witness is None
    assert_explained(finding, operations, model)


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_no_object_can_have_done_is_not_and_the_witness_names_what_has_no_place(name: str) -> None:
    model, operations, unplaced = IMPOSSIBLE[name]
    finding = check(operations, model)
    assert finding.verdict == Verdict.NOT_LINEARIZABLE
    assert finding.witness is not None
    assert finding.witness.unplaced[0].id == unplaced


def test_a_witness_is_the_order_that_gets_furthest_and_where_it_leads() -> None:
    operations = [write(1, 0, 1), read(1, 2, 3), write(2, 4, 9), write(3, 5, 9), read(4, 6, 7), read(2, 10, 11)]
    witness = check(on("k", *operations), REGISTER).witness
    assert witness is not None
    assert witness.key == "k"
    assert [each.kind for each in witness.prefix][:2] == ["write", "read"]
    assert witness.state == witness.prefix[-1].argument
    assert {each.result for each in witness.unplaced if each.kind == "read"} == {4}


def test_a_model_can_begin_elsewhere() -> None:
    assert check([read(7, 0, 1)], replace(COUNTER, initial=7)).verdict == Verdict.LINEARIZABLE


@pytest.mark.parametrize("model", [REGISTER, VALUE, COUNTER])
def test_an_object_does_not_guess_what_a_kind_means(model: Model) -> None:
    with pytest.raises(ValueError, match="has no pop"):
        check([op("pop", 0, 1)], model)


def test_an_operation_cannot_return_before_it_was_invoked() -> None:
    with pytest.raises(ValueError, match="returned before it was invoked"):
        check([write(1, 2, 1)], REGISTER)


def puzzle(writes: int) -> list[Operation]:
    """Concurrent writes of different values, then a read that none of their orders explains."""
    return [*(write(value, 0, 1) for value in range(writes)), read(-1, 2, 3)]


def test_orders_that_explain_the_same_with_the_same_state_are_looked_at_once() -> None:
    finding = check(puzzle(9), REGISTER)
    assert finding.verdict == Verdict.NOT_LINEARIZABLE
    assert finding.steps <= 9 * 2**9


def test_equal_indeterminate_operations_do_not_multiply_the_search() -> None:
    finding = check([*(write(1, 0) for _ in range(40)), *(write(2, 0) for _ in range(40)), read(3, 1, 2)], REGISTER)
    assert finding.verdict == Verdict.NOT_LINEARIZABLE
    assert finding.steps <= 4


def test_observers_do_not_multiply_the_search() -> None:
    reads = [read(None, 0, 9) for _ in range(500)]
    finding = check([*reads, write(1, 0, 9), read(2, 10, 11)], REGISTER)
    assert finding.verdict == Verdict.NOT_LINEARIZABLE
    assert finding.steps == 501


def test_a_long_history_needs_no_stack() -> None:
    operations = [add(number + 1, number, number + 1.5) for number in range(5000)]
    finding = check(operations, COUNTER)
    assert (finding.verdict, finding.steps) == (Verdict.LINEARIZABLE, 4999)


@pytest.mark.parametrize("budget", [Budget(steps=50), Budget(seconds=0.0)])
def test_a_spent_budget_is_no_verdict(budget: Budget) -> None:
    finding = check([*on("easy", write(1, 0, 1)), *on("hard", *puzzle(12))], REGISTER, budget)
    assert (finding.verdict, finding.witness) == (Verdict.UNKNOWN, None)
    assert finding.steps <= 50
    assert list(finding.orders) == ["easy"]


def test_a_hard_key_does_not_hide_what_is_wrong_with_another() -> None:
    wrong = [*(write(number, number, number + 0.5) for number in range(20)), read(3, 30, 31)]
    finding = check([*on("hard", *puzzle(12)), *on("wrong", *wrong)], REGISTER, Budget(steps=200))
    assert finding.verdict == Verdict.NOT_LINEARIZABLE
    assert finding.witness is not None and finding.witness.key == "wrong"


# Against an object, and against every order there is.

REGISTER_CALLS = st.one_of(
    st.just(("read", None)),
    st.tuples(st.just("write"), st.integers(0, 2)),
    st.tuples(st.just("compare_and_set"), st.tuples(st.integers(0, 2), st.integers(0, 2))),
)
VALUE_CALLS = st.one_of(st.just(("get", None)), st.tuples(st.sampled_from(["put", "append"]), st.sampled_from("ab")))
COUNTER_CALLS = st.one_of(
    st.just(("read", None)), st.tuples(st.sampled_from(["add", "add_and_get"]), st.integers(1, 2))
)
OBJECTS = st.sampled_from([(REGISTER, REGISTER_CALLS), (VALUE, VALUE_CALLS), (COUNTER, COUNTER_CALLS)])
FATES = st.sampled_from(["ok", "ok", "ok", "applied", "dropped"])


@st.composite
def lived(draw: st.DrawFn, most: int = 30) -> tuple[Model, list[Operation]]:
    """What clients of a real object saw: each operation took effect at one moment between its call and its return.

    Of the `applied` and the `dropped` nobody got to know what became of them.
    """
    model, calls = draw(OBJECTS)
    state, operations = model.initial, []
    for at, ((kind, argument), fate) in enumerate(draw(st.lists(st.tuples(calls, FATES), max_size=most))):
        before, after = draw(st.integers(0, 6)), draw(st.integers(0, 6))
        result = None
        if fate != "dropped":
            state, result = model.apply(state, kind, argument)
        returned = at + after if fate == "ok" else None
        operations.append(structs.replace(op(kind, at - before, returned, argument, result), id=str(at)))
    return model, draw(st.permutations(operations))


@given(lived())
@settings(deadline=None)
def test_what_clients_of_a_real_object_saw_is_always_linearizable(history: tuple[Model, list[Operation]]) -> None:
    model, operations = history
    finding = check(operations, model)
    assert finding.verdict == Verdict.LINEARIZABLE
    assert_explained(finding, operations, model)


@st.composite
def small(draw: st.DrawFn) -> tuple[Model, list[Operation]]:
    """At most six operations, some of which were told another result than the one that they had."""
    model, operations = draw(lived(most=6))
    wrong = st.sampled_from([None, True, False, 0, 1, 2, 3, "", "a", "ab", "ba"])
    return model, [
        structs.replace(each, result=draw(wrong)) if draw(st.booleans()) and each.result is not None else each
        for each in operations
    ]


@given(small())
@settings(max_examples=300, deadline=None)
def test_the_verdict_is_that_of_an_exhaustive_search(history: tuple[Model, list[Operation]]) -> None:
    model, operations = history
    finding = check(operations, model)
    certain = [each for each in operations if returned(each)]
    possible = [each for each in operations if not returned(each)]
    order = next(explanations(certain, possible, model), None)
    assert finding.verdict == (Verdict.NOT_LINEARIZABLE if order is None else Verdict.LINEARIZABLE)
    if order is not None:
        assert_explained(finding, operations, model)
    else:
        assert_witnessed(finding, operations, model)


def returned(operation: Operation) -> bool:
    return operation.returned_at is not None


def explanations(
    required: Sequence[Operation], optional: Sequence[Operation], model: Model
) -> Iterator[tuple[Operation, ...]]:
    """All orders of the required operations and any of the optional ones that the object can have lived through."""
    for some in chain.from_iterable(combinations(optional, size) for size in range(len(optional) + 1)):
        for order in permutations([*required, *some]):
            if replays(order, model) and in_real_time(order):
                yield order


def replays(order: Iterable[Operation], model: Model) -> bool:
    state = model.initial
    for each in order:
        state, result = model.apply(state, each.kind, each.argument)
        if returned(each) and result != each.result:
            return False
    return True


def in_real_time(order: Sequence[Operation]) -> bool:
    """Nothing comes after what was invoked when it had returned."""
    return not any(
        later.returned_at is not None and later.returned_at < earlier.invoked_at
        for earlier, later in combinations(order, 2)
    )


def assert_explained(finding: Finding, operations: Sequence[Operation], model: Model) -> None:
    """The orders are proofs: all that returned, nothing twice, allowed by the object and by time."""
    placed = [each for order in finding.orders.values() for each in order]
    assert len({each.id for each in placed}) == len(placed)
    assert {each.id for each in operations if returned(each)} <= {each.id for each in placed}
    for order in finding.orders.values():
        assert replays(order, model)
        assert in_real_time(order)


def assert_witnessed(finding: Finding, operations: Sequence[Operation], model: Model) -> None:
    """The prefix is possible and has all that returned earlier; with the first unplaced one nothing is possible."""
    witness = finding.witness
    assert witness is not None
    first, placed = witness.unplaced[0], {each.id for each in witness.prefix}
    end = first.returned_at
    assert end is not None
    assert replays(witness.prefix, model) and in_real_time(witness.prefix)
    assert not placed & {each.id for each in witness.unplaced}
    assert all(each.returned_at is not None and each.returned_at >= end for each in witness.unplaced)
    earlier = [each for each in operations if each.returned_at is not None and each.returned_at < end]
    assert {each.id for each in earlier} <= placed
    others = [each for each in operations if each.invoked_at <= end and each not in [*earlier, first]]
    tied = [each for each in others if each.returned_at == end and each.id in placed]
    optional = [each for each in others if each not in tied]
    assert next(explanations([*earlier, *tied, first], optional, model), None) is None


# The counter workload.


def counted(history: History, final: int | None = None) -> Finding:
    return check(counter_operations(history.ops, "k", final), COUNTER)


def test_a_chain_of_versions_counts(history: History) -> None:
    for version in range(5):
        history.cycle(f"r{version}", version)
    assert counted(history, final=5).verdict == Verdict.LINEARIZABLE


def test_two_writes_that_build_on_one_read_have_no_order(history: History) -> None:
    history.cycle("a", 0, at=0.0)
    history.cycle("b", 0, at=0.1)
    history.op("acknowledge", "a", key="a")
    finding = counted(history)
    assert finding.verdict == Verdict.NOT_LINEARIZABLE
    assert finding.witness is not None
    assert [each.id for each in finding.witness.unplaced] == ["3"]
    assert [each.result for each in finding.witness.prefix] == [0, 0, 1]


@pytest.mark.parametrize(
    ("status", "final", "verdict"),
    [
        ("ok", 1, Verdict.LINEARIZABLE),
        ("ok", 0, Verdict.NOT_LINEARIZABLE),
        ("info", 1, Verdict.LINEARIZABLE),
        ("info", 0, Verdict.LINEARIZABLE),
        ("info", 2, Verdict.NOT_LINEARIZABLE),
        ("fail", 0, Verdict.LINEARIZABLE),
        ("fail", 1, Verdict.NOT_LINEARIZABLE),
    ],
)
def test_the_final_value_is_read_after_everything(history: History, status: Any, final: int, verdict: Verdict) -> None:
    history.cycle("a", 0, status)
    assert counted(history, final).verdict == verdict


@pytest.mark.parametrize("status", ["fail", "info"])
def test_a_read_without_an_answer_says_nothing(history: History, status: Any) -> None:
    history.op("read", "a", status, key="k", result="ProvisionedThroughputExceededException")
    assert counter_operations(history.ops, "k") == []


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["ok", "applied", "dropped"])), max_size=30))
@settings(deadline=None)
def test_where_an_update_is_known_to_be_lost_there_is_no_order(schedule: list[tuple[int, str]]) -> None:
    """Five clients that write blindly: the first step of each is its read, the next the write that builds on it."""
    history, value = History(), 0
    reads: dict[int, int] = {}
    for client, fate in schedule:
        if client not in reads:
            reads[client] = value
            history.op("read", f"r{client}", key="k", worker=f"c{client}", result={"value": value, "version": value})
            continue
        new = reads.pop(client) + 1
        value = value if fate == "dropped" else new
        status: Any = "ok" if fate == "ok" else "info"
        history.op("write", f"r{client}", status, key="k", worker=f"c{client}", argument={"value": new, "version": new})
    lost = anomalies.lost_updates(history.ops, "k", value)
    assert lost.invalid is None
    assert not (lost.count and counted(history, value).verdict == Verdict.LINEARIZABLE)


# Recorded histories whose verdicts are known. They are not part of this repository.

JEPSEN_LINE = re.compile(r"INFO\s+jepsen\.util - (\d+)\s+:(\w+)\s+:(\w+)\s+(.*?)\s*")
KV_LINE = re.compile(r'\{:process (\d+), :type :(\w+), :f :(\w+), :key "(.*?)", :value (?:nil|"(.*)")\}')

Call = tuple[int, str, str, Any]


def recorded(lines: Iterable[tuple[str, str, str, str, Any]]) -> list[Operation]:
    """(process, event, kind, key, value) per line, in the order of the log. An `info` is never heard of again.

    A read that failed saw nothing; a compare-and-set that failed saw another value than it expected.
    """
    under_way: dict[str, Call] = {}
    operations = []
    for at, (process, event, kind, key, value) in enumerate(lines):
        if event == "invoke":
            assert process not in under_way, "a process does one thing at a time, and none after it lost its answer"
            under_way[process] = (at, kind, key, value)
            continue
        began, _, _, argument = under_way[process]
        if event != "info":
            del under_way[process]
        if event == "ok" or (event == "fail" and kind == "compare_and_set"):
            result = event == "ok" if kind == "compare_and_set" else value if kind in ("read", "get") else None
            operations.append(structs.replace(op(kind, began, at, argument, result), id=f"line {at}", key=key))
    for at, kind, key, value in under_way.values():
        operations.append(structs.replace(op(kind, at, None, value), id=f"line {at}", key=key))
    return operations


def jepsen_lines(path: Path) -> Iterator[tuple[str, str, str, str, Any]]:
    for line in filter(None, path.read_text().splitlines()):
        match = JEPSEN_LINE.fullmatch(line)
        assert match, line
        process, event, kind, text = match.groups()
        numbers = tuple(int(number) for number in re.findall(r"-?\d+", text))
        value = None if not numbers else numbers if kind == "cas" else numbers[0]
        yield process, event, "compare_and_set" if kind == "cas" else kind, "", value


def kv_lines(path: Path) -> Iterator[tuple[str, str, str, str, Any]]:
    for line in filter(None, path.read_text().splitlines()):
        match = KV_LINE.fullmatch(line)
        assert match, line
        process, event, kind, key, value = match.groups()
        yield process, event, kind, key, value


@pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the histories are not here: set STEPWELL_CONFORMANCE to their folder"
)
def test_all_recorded_histories_get_their_verdict() -> None:
    expected = json.loads((RECORDED / "verdicts.json").read_text())
    found = {}
    for name in expected:
        lines, model = (jepsen_lines, REGISTER) if name.startswith("jepsen") else (kv_lines, VALUE)
        operations = recorded(lines(RECORDED / name))
        finding = check(operations, model)
        found[name] = finding.verdict
        if finding.verdict == Verdict.LINEARIZABLE:
            assert_explained(finding, operations, model)
    verdicts = {True: Verdict.LINEARIZABLE, False: Verdict.NOT_LINEARIZABLE}
    assert found == {name: verdicts[verdict] for name, verdict in expected.items()}
    assert len(found) == 108
