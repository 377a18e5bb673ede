"""Phenomena by name on the smallest histories that have them, and against all orders of small ones."""

from itertools import chain, combinations, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bench.histories import RUN

from stepwell.bench.history import Op, Status
from stepwell.bench.oracles.transactions import TRANSACTION, anomalies, serializable

Step = tuple[Any, ...]


def transaction(name: str, *steps: Step, status: Status = "ok", at: float = 0.0, took: float = 1000.0) -> Op:
    """Steps are (key, element) to append it and (key, [elements]) to have read those."""
    argument = [["read", key] if isinstance(what, list) else ["append", key, what] for key, what in steps]
    return Op(
        id=name, run=RUN, request=name, attempt=1, worker=name, key="", kind=TRANSACTION, argument=argument,
        result=[what if isinstance(what, list) else None for _, what in steps] if status == "ok" else None,
        intended_at=at, invoked_at=at, returned_at=at + took, status=status,
    )  # fmt: skip


t = transaction

FOUND: dict[str, tuple[str, list[Op]]] = {
    "writes interleaved": ("G0", [
        t("a", ("x", 1), ("y", 1)), t("b", ("x", 2), ("y", 2)), t("r", ("x", [1, 2]), ("y", [2, 1])),
    ]),
    "what was not applied": ("G1a", [t("a", ("x", 1), status="fail"), t("r", ("x", [1]))]),
    "the middle of another": ("G1b", [t("a", ("x", 1), ("x", 2)), t("r", ("x", [1]))]),
    "the middle of one nobody knows of": ("G1b", [t("a", ("x", 1), ("x", 2), status="info"), t("r", ("x", [1]))]),
    "each saw the other": ("G1c", [t("a", ("x", 1), ("y", [2])), t("b", ("y", 2), ("x", [1]))]),
    "lost update": ("G-single", [t("a", ("x", []), ("x", 1)), t("b", ("x", []), ("x", 2)), t("r", ("x", [1, 2]))]),
    "lost for good": ("G2-item", [t("a", ("x", []), ("x", 1)), t("b", ("x", []), ("x", 2))]),
    "read skew": ("G-single", [t("a", ("x", 1), ("y", 1)), t("r", ("x", [1]), ("y", [])), t("s", ("y", [1]))]),
    "not repeatable": ("G-single", [t("a", ("x", 1)), t("r", ("x", []), ("x", [1]))]),
    "write skew": ("G2-item", [
        t("a", ("x", []), ("y", 1)), t("b", ("y", []), ("x", 1)), t("r", ("x", [1]), ("y", [1])),
    ]),
    "a long fork": ("G2-item", [
        t("a", ("x", 1)), t("b", ("y", 1)), t("r", ("x", [1]), ("y", [])), t("s", ("x", []), ("y", [1])),
    ]),
    "stale read": ("G-single-realtime", [
        t("a", ("x", 1), took=1), t("r", ("x", []), at=2, took=1), t("s", ("x", [1]), at=4),
    ]),
    "acknowledged and gone": ("G-single-realtime", [t("a", ("x", 1), took=1), t("r", ("x", []), at=2)]),
    "writes against time": ("G0-realtime", [
        t("a", ("x", 1), took=1), t("b", ("x", 2), at=2, took=1), t("r", ("x", [2, 1])),
    ]),
    "read before it was written": ("G1c-realtime", [t("r", ("x", [1]), took=1), t("a", ("x", 1), at=2)]),
    "a long fork against time": ("G2-item-realtime", [
        t("a", ("x", 1), took=1), t("s", ("y", []), at=2), t("b", ("y", 1)), t("r", ("x", []), ("y", [1])),
    ]),
    "its own append unseen": ("internal", [t("a", ("x", 1), ("x", []))]),
    "its own append foreseen": ("internal", [t("a", ("x", [1]), ("x", 1), ("x", 2))]),
    "from nowhere": ("unwritten", [t("r", ("x", [7]))]),
    "twice in one list": ("repeated", [t("a", ("x", 1)), t("r", ("x", [1, 1]))]),
    "two orders": ("incompatible-order", [
        t("a", ("x", 1)), t("b", ("x", 2)), t("r", ("x", [1, 2])), t("s", ("x", [2, 1])),
    ]),
}  # fmt: skip

CLEAN: dict[str, list[Op]] = {
    "nothing": [],
    "one after the other": [
        t("a", ("x", 1), took=1), t("b", ("x", [1]), ("x", 2), at=2, took=1), t("r", ("x", [1, 2]), at=4),
    ],
    "its own append seen": [t("a", ("x", 1), ("x", [1])), t("r", ("x", [1]))],
    "its own append after others'": [t("a", ("x", 1)), t("b", ("x", 2), ("x", [1, 2]))],
    "an old state at the same time": [t("a", ("x", 1)), t("r", ("x", [])), t("s", ("x", [1]))],
    "not applied and not seen": [t("a", ("x", 1), status="fail"), t("r", ("x", []))],
    "unsure and seen": [t("a", ("x", 1), status="info"), t("r", ("x", [1]), at=2)],
    "unsure and not seen": [t("a", ("x", 1), status="info", took=1), t("r", ("x", []), at=2)],
    "unsure and seen late": [
        t("a", ("x", 1), status="info", took=1), t("r", ("x", []), at=2, took=1), t("s", ("x", [1]), at=4),
    ],
    "all of another": [t("a", ("x", 1), ("x", 2)), t("r", ("x", [1, 2]))],
    "touching times": [t("a", ("x", 1), took=2), t("r", ("x", []), at=2), t("s", ("x", [1]))],
}  # fmt: skip


@pytest.mark.parametrize(("name", "history"), FOUND.values(), ids=FOUND)
def test_a_phenomenon_is_found_by_its_name(name: str, history: list[Op]) -> None:
    assert {anomaly.name for anomaly in anomalies(history)} == {name}


@pytest.mark.parametrize("history", CLEAN.values(), ids=CLEAN)
def test_what_has_an_order_is_clean(history: list[Op]) -> None:
    assert anomalies(history) == []
    assert serializable(history).exposed == sum(op.status == "ok" for op in history)


def test_a_cycle_is_shown_edge_by_edge_with_the_transactions_in_it() -> None:
    [witness] = serializable(FOUND["lost update"][1]).witnesses
    assert witness.text == "G-single: b -rw-> a -ww-> b (x: [] was read; x: 1 came first)"
    assert {row["id"] for row in witness.rows} == {"a", "b"}


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([t("a", ("x", 1)), t("b", ("x", 1))], "1 is appended to x twice"),
        ([t("a", ("x", 1.5))], "neither an append nor a read"),
        ([t("a", ("x", [[1]]))], "no list of whole numbers"),
    ],
    ids=["an element twice", "no element", "a list of lists"],
)
def test_a_history_that_cannot_be_read_is_refused(history: list[Op], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        serializable(history)


def _serial(plan: list[list[tuple[str, bool]]], commits: list[bool]) -> list[Op]:
    """Transactions one after the other on true lists; of those that do not commit only the store knows."""
    lists: dict[str, list[int]] = {"x": [], "y": []}
    history = []
    for number, steps in enumerate(plan):
        done: list[Step] = []
        for key, reads in steps:
            element = 10 * number + len(done)
            done.append((key, list(lists[key])) if reads else (key, element))
            if not reads:
                lists[key].append(element)
        status: Status = "ok" if commits[number % len(commits)] else "info"
        history.append(transaction(f"t{number}", *done, status=status, at=number * 2.0, took=3.0))
    return history


STEPS = st.lists(st.tuples(st.sampled_from("xy"), st.booleans()), min_size=1, max_size=4)


@given(st.lists(STEPS, max_size=12), st.lists(st.booleans(), min_size=1, max_size=5))
def test_lists_that_are_changed_one_transaction_at_a_time_are_clean(
    plan: list[list[tuple[str, bool]]], commits: list[bool]
) -> None:
    assert anomalies(_serial(plan, commits)) == []


@st.composite
def histories(draw: st.DrawFn) -> list[Op]:
    """Up to four transactions of two steps over two keys, reading whatever."""
    number = draw(st.integers(1, 4))
    elements: dict[str, list[int]] = {"x": [], "y": []}
    shapes = [
        draw(st.lists(st.tuples(st.sampled_from("xy"), st.booleans()), min_size=1, max_size=2)) for _ in range(number)
    ]
    names = iter(range(100))
    planned = [[(key, None if reads else next(names)) for key, reads in shape] for shape in shapes]
    for key, element in chain.from_iterable(planned):
        if element is not None:
            elements[key].append(element)
    history = []
    for index, plan in enumerate(planned):
        done = [
            (key, draw(st.lists(st.sampled_from(elements[key]), unique=True) if elements[key] else st.just([])))
            if element is None else (key, element)
            for key, element in plan
        ]  # fmt: skip
        status = draw(st.sampled_from(["ok", "ok", "ok", "info", "fail"]))
        at, took = draw(st.integers(0, 4)), draw(st.integers(0, 3))
        history.append(transaction(f"t{index}", *done, status=status, at=float(at), took=float(took)))
    return history


def _has_an_order(history: list[Op]) -> bool:
    sure = [op for op in history if op.status == "ok"]
    unsure = [op for op in history if op.status == "info"]
    chosen = (sure + list(some) for size in range(len(unsure) + 1) for some in combinations(unsure, size))
    return any(_explains(order) for some in chosen for order in permutations(some))


def _explains(order: tuple[Op, ...]) -> bool:
    for number, later in enumerate(order):
        returned = [op.returned_at for op in order[number:] if op.status == "ok" and op.returned_at is not None]
        if returned and min(returned) < later.invoked_at:
            return False
    lists: dict[str, list[int]] = {"x": [], "y": []}
    for op in order:
        for number, (kind, key, *element) in enumerate(op.argument):
            if kind == "append":
                lists[key] += element
            elif op.status == "ok" and op.result[number] != lists[key]:
                return False
    return True


@settings(max_examples=300, deadline=None)
@given(histories())
def test_whatever_has_an_order_in_real_time_is_clean(history: list[Op]) -> None:
    assert anomalies(history) == [] or not _has_an_order(history)


@settings(max_examples=300, deadline=None)
@given(histories())
def test_where_everything_is_read_in_the_end_what_has_no_order_is_found(history: list[Op]) -> None:
    """With all elements in one last read of each key, every order of writes is known, and so is every dependency."""
    lists: dict[str, list[int]] = {"x": [], "y": []}
    for op in history:
        for kind, key, *element in op.argument if op.status == "ok" else ():
            lists[key] += element if kind == "append" else []
    sure = [op for op in history if op.status == "ok"]
    last = transaction("last", ("x", lists["x"]), ("y", lists["y"]), at=100.0)
    assert (anomalies([*sure, last]) == []) == _has_an_order([*sure, last])


def test_a_long_history_is_checked_without_recursion() -> None:
    length = 3000
    history = [t(f"a{n}", ("x", n), (f"y{n}", n), (f"y{(n + 1) % length}", [(n + 1) % length])) for n in range(length)]
    [anomaly] = anomalies(history)
    assert anomaly.name == "G1c"
    assert len(anomaly.witness.rows) == length
