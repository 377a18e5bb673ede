"""Replicas that disagree, writes that did not see each other, and writes that vanished."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.histories import History

from stepwell.bench.history import Status
from stepwell.bench.oracles.replicas import conflicts, diverged, silent_losses


class Writes(History):
    def write(self, name: str, base: str | None, status: Status = "ok") -> "Writes":
        self.op("write", name, status, key="k", argument={"write": name, "base": base})
        return self


def held(*names: str | None) -> dict[str, dict[str, Any]]:
    return {f"region-{number}": {"k": name and {"write": name}} for number, name in enumerate(names)}


@pytest.mark.parametrize(
    ("replicas", "count", "exposed"),
    [
        (held("a", "a"), 0, 1),
        (held("a", "b"), 1, 1),
        (held("a", "a", "b"), 1, 1),
        (held("a", None), 1, 1),
        ({"eu": {"k": 1, "l": 2}, "us": {"k": 1}}, 1, 2),
        ({"eu": {}, "us": {}}, 0, 0),
    ],
    ids=str,
)
def test_replicas_agree_when_all_is_quiet(replicas: dict[str, dict[str, Any]], count: int, exposed: int) -> None:
    verdict = diverged(replicas)
    assert (verdict.count, verdict.exposed, len(verdict.witnesses)) == (count, exposed, count)


def test_a_divergence_shows_what_each_region_holds() -> None:
    [witness] = diverged({"eu": {"k": 1}, "us": {"k": 2}}).witnesses
    assert witness.text == "k is not the same in eu and us"
    assert witness.rows == ({"region": "eu", "key": "k", "value": 1}, {"region": "us", "key": "k", "value": 2})


@pytest.mark.parametrize(
    ("history", "count", "exposed"),
    [
        (Writes().write("a", None).write("b", "a").write("c", "b"), 0, 3),
        (Writes().write("a", None).write("b", "a").write("c", "a"), 2, 3),
        (Writes().write("a", None).write("b", None), 2, 2),
        (Writes().write("a", "before").write("b", "before"), 2, 2),
        (Writes().write("a", None).write("b", "a").write("c", "a").write("d", "b"), 3, 4),
        (Writes().write("a", None).write("b", None, "info"), 0, 0),
        (Writes().write("a", None).write("b", "a", "info").write("c", "b"), 0, 2),
        (Writes().write("a", None).write("a", None), 0, 0),
        (Writes().write("a", None, "info").write("a", None), 0, 0),
        (Writes(), 0, 0),
    ],
    ids=[
        "a chain", "a fork", "two first ones", "two on an unknown one", "a long fork", "one unsure", "unsure and seen",
        "one write tried twice", "tried again", "nothing",
    ],
)  # fmt: skip
def test_writes_conflict_when_neither_saw_the_other(history: Writes, count: int, exposed: int) -> None:
    verdict = conflicts(history.ops)
    assert (verdict.count, verdict.exposed) == (count, exposed)


def test_a_conflict_is_shown_with_the_other_write() -> None:
    history = Writes().write("a", None).write("b", "a").write("c", "a")
    first, second = conflicts(history.ops).witnesses
    assert first.text == "b and c wrote k without seeing each other"
    assert second.text == "c and b wrote k without seeing each other"
    assert [row["id"] for row in first.rows] == ["1", "2"]


@pytest.mark.parametrize(
    ("history", "final", "count", "exposed"),
    [
        (Writes().write("a", None).write("b", "a"), held("b", "b"), 0, 2),
        (Writes().write("a", None).write("b", None), held("b", "b"), 1, 2),
        (Writes().write("a", None).write("b", None), held("a", "b"), 0, 2),
        (Writes().write("a", None).write("b", None, "info"), held("a", "a"), 0, 1),
        (Writes().write("a", None).write("b", None, "info"), held("b", "b"), 1, 1),
        (Writes().write("a", None).write("b", "a", "info"), held("x", "x"), 0, 1),
        (Writes().write("a", None), held(None, None), 1, 1),
        (Writes().write("a", None), {}, 1, 1),
        (Writes().write("a", None, "fail"), held(None, None), 0, 0),
        (Writes().write("a", None).write("b", "a", "fail"), held(None, None), 1, 1),
    ],
    ids=[
        "overwritten knowingly", "last writer won", "not converged", "the unsure one lost", "the unsure one won",
        "perhaps overwritten", "gone", "no replica left", "refused",
        "overwritten by one that was refused",
    ],
)  # fmt: skip
def test_an_acknowledged_write_is_kept_or_knowingly_overwritten(
    history: Writes, final: dict[str, dict[str, Any]], count: int, exposed: int
) -> None:
    verdict = silent_losses(history.ops, final)
    assert (verdict.count, verdict.exposed, len(verdict.witnesses)) == (count, exposed, count)


def test_bases_that_cannot_be_are_a_broken_measurement() -> None:
    history = Writes().write("a", "b").write("b", "a")
    assert conflicts(history.ops).invalid == "the bases of the writes of k go round in a circle"


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ({"value": 1}, 'without a name in the member "write"'),
        (None, 'without a name in the member "write"'),
        ({"write": "a", "base": ["b"]}, "which is not the name of a write"),
    ],
    ids=str,
)
def test_a_write_that_does_not_say_what_it_is_is_refused(argument: Any, reason: str) -> None:
    history = History()
    history.op("write", "r", key="k", argument=argument)
    with pytest.raises(ValueError, match=reason):
        conflicts(history.ops)


@given(st.lists(st.integers(0, 9), max_size=12), st.lists(st.sampled_from(["ok", "info"]), min_size=12, max_size=12))
def test_conflicts_are_what_a_comparison_of_all_pairs_finds(bases: list[int], statuses: list[Status]) -> None:
    """Write n builds on one of the writes before it, or on none."""
    history, seen = Writes(), dict[str, set[str]]()
    for number, base in enumerate(bases):
        name, on = str(number), str(base) if base < number else None
        history.write(name, on, statuses[number])
        seen[name] = {on} | seen[on] if on else set()
    sure = [name for name in seen if statuses[int(name)] == "ok"]
    expected = sum(
        any(other != name and other not in seen[name] and name not in seen[other] for other in sure) for name in sure
    )
    assert conflicts(history.ops).count == expected
