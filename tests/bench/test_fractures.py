"""Transactions seen in part, and the nearest histories in which nothing of the kind is certain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.histories import History

from stepwell.bench.history import Status
from stepwell.bench.oracles.fractures import fractured_reads, read_own_writes


class Pairs(History):
    """Transactions on the keys x and y, one operation after the other."""

    def write(
        self, transaction: str, keys: str, status: Status = "ok", *, at: float | None = None, took: float = 0.5
    ) -> "Pairs":
        for key in keys:
            argument = {"transaction": transaction}
            self.op("write", transaction, status, worker=transaction, key=key, argument=argument, at=at, took=took)
        return self

    def read(self, transaction: str, attempt: int = 1, **authors: str | None) -> "Pairs":
        for key, author in authors.items():
            result = None if author is None else {"transaction": author}
            self.op("read", transaction, worker=transaction, attempt=attempt, key=key, result=result)
        return self


FRACTURED = {
    "new x, y from nobody": Pairs().write("a", "xy").read("t", x="a", y=None),
    "new x, y from before": Pairs().write("o", "y").write("a", "xy").read("t", x="a", y="o"),
    "one of each of two pairs": Pairs().write("a", "xy").write("b", "xy").read("t", x="a", y="b"),
    "one of each of two pairs written at once": (
        Pairs().write("a", "xy", at=0.0).write("b", "xy", at=0.2).read("t", x="a", y="b")
    ),
    "between the two writes": Pairs().write("a", "x").read("t", x="a", y=None).write("a", "y"),
    "the older read first": Pairs().write("a", "x").read("t", y=None, x="a").write("a", "y"),
}
WHOLE = {
    "both": (Pairs().write("a", "xy").read("t", x="a", y="a"), 1),
    "neither": (Pairs().write("a", "xy").read("t", x=None, y=None), 0),
    "a later y": (Pairs().write("a", "xy").write("b", "y").read("t", x="a", y="b"), 1),
    "a y at the same time": (
        Pairs().write("a", "xy", at=0.0).write("b", "y", at=0.2).read("t", x="a", y="b"),
        1,
    ),
    "a y that may not have been written": (
        Pairs().write("a", "x").write("a", "y", "info").read("t", x="a", y=None),
        0,
    ),
    "a y that was refused": (Pairs().write("a", "x").write("a", "y", "fail").read("t", x="a", y=None), 0),
    "the author wrote x alone": (Pairs().write("a", "x").read("t", x="a", y=None), 0),
    "in two attempts": (Pairs().write("a", "xy").read("t", 1, y=None).read("t", 2, x="a"), 0),
    "its own x": (Pairs().write("t", "xy").read("t", x="t", y=None), 0),
}


@pytest.mark.parametrize("history", FRACTURED.values(), ids=FRACTURED)
def test_a_transaction_seen_in_part_is_fractured(history: Pairs) -> None:
    verdict = fractured_reads(history.ops)
    assert (verdict.count, verdict.exposed) == (1, 1)
    assert "but a wrote y too" in verdict.witnesses[0].text or "but b wrote x too" in verdict.witnesses[0].text
    assert [row["kind"] for row in verdict.witnesses[0].rows] == ["read", "read", "write"]


@pytest.mark.parametrize(("history", "exposed"), WHOLE.values(), ids=WHOLE)
def test_a_transaction_seen_whole_or_perhaps_whole_is_not(history: Pairs, exposed: int) -> None:
    verdict = fractured_reads(history.ops)
    assert (verdict.count, verdict.exposed) == (0, exposed)


@pytest.mark.parametrize(
    ("history", "count", "exposed"),
    [
        (Pairs().write("t", "x").read("t", x="o"), 1, 1),
        (Pairs().write("t", "x").read("t", x=None), 1, 1),
        (Pairs().write("t", "x").read("t", x="t"), 0, 1),
        (Pairs().read("t", x="o").write("t", "x"), 0, 0),
        (Pairs().write("t", "x", "info").read("t", x="o"), 0, 0),
        (Pairs().write("t", "x", took=3.0).read("t", x="o"), 0, 0),
        (Pairs().write("t", "x").read("t", y="o"), 0, 0),
        (Pairs().write("t", "xy").read("t", x="o", y="o"), 1, 1),
    ],
    ids=["another's", "nobody's", "its own", "before it wrote", "unsure", "under way", "another key", "two of them"],
)
def test_a_transaction_is_to_see_its_own_writes(history: Pairs, count: int, exposed: int) -> None:
    verdict = read_own_writes(history.ops)
    assert (verdict.count, verdict.exposed, len(verdict.witnesses)) == (count, exposed, count)


def test_a_value_without_an_author_is_refused() -> None:
    history = Pairs()
    history.op("read", "t", key="x", result={"value": 1})
    history.op("read", "t", key="y")
    with pytest.raises(ValueError, match="without the name of the transaction"):
        fractured_reads(history.ops)


@given(st.lists(st.tuples(st.sampled_from(["write", "read", "mixed"]), st.sampled_from(["x", "y", "xy"])), max_size=25))
def test_transactions_one_after_the_other_are_whole(transactions: list[tuple[str, str]]) -> None:
    history, held = Pairs(), dict[str, str]()
    for number, (kind, keys) in enumerate(transactions):
        name = f"t{number}"
        if kind != "write":
            history.read(name, x=held.get("x"), y=held.get("y"))
        if kind != "read":
            history.write(name, keys)
            held |= dict.fromkeys(keys, name)
        if kind == "mixed":
            history.read(name, **{key: held.get(key) for key in keys})
    assert fractured_reads(history.ops).count == 0
    assert read_own_writes(history.ops).count == 0


@given(st.integers(0, 9))
def test_a_store_that_shows_x_before_y_is_caught_each_time(between: int) -> None:
    history = Pairs().write("old", "xy")
    for number in range(between):
        history.write(f"w{number}", "x").read(
            f"t{number}", x=f"w{number}", y="old" if number == 0 else f"w{number - 1}"
        )
        history.write(f"w{number}", "y")
    assert fractured_reads(history.ops).count == between
