"""Seeded anomalies must be caught, clean histories be clean, and what is not known never be counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.histories import History

from stepwell.bench import oracles
from stepwell.bench.history import Status
from stepwell.bench.oracles import Verdict, requiring


def test_a_second_effect_is_counted_once_per_request_and_shown(history: History) -> None:
    for request in ("a", "b", "b", "b", "c"):
        history.effect(request)
    verdict = oracles.duplicate_effects(history.effects, {"a", "b"})
    assert (verdict.count, verdict.exposed) == (1, 2)
    [witness] = verdict.witnesses
    assert witness.text.startswith("b has 3 effects of type charge")
    assert [row["sequence"] for row in witness.rows] == [2, 3, 4]


def test_effects_of_different_types_are_no_duplicates(history: History) -> None:
    history.effect("a", "charge")
    history.effect("a", "mail")
    assert oracles.duplicate_effects(history.effects, {"a"}).count == 0


def test_a_duplicate_of_a_request_that_nobody_repeated_is_not_hidden(history: History) -> None:
    history.effect("a")
    history.effect("a")
    assert oracles.duplicate_effects(history.effects, set()).exposed == 1


def test_a_lost_effect_is_one_that_was_acknowledged(history: History) -> None:
    history.op("acknowledge", "kept")
    history.op("acknowledge", "lost")
    history.op("acknowledge", "unknown", "info", took=None)
    history.effect("kept")
    verdict = oracles.lost_effects(history.ops, history.effects)
    assert (verdict.count, verdict.exposed) == (1, 2)
    assert verdict.witnesses[0].text.startswith("lost was acknowledged")


def test_two_writes_on_one_version_are_a_lost_update_with_both_as_witnesses(history: History) -> None:
    history.cycle("a", 0)
    history.cycle("b", 0)
    history.cycle("c", 1)
    verdict = oracles.lost_updates(history.ops, "k", 0, 2)
    assert (verdict.count, verdict.exposed) == (1, 3)
    [witness] = verdict.witnesses
    assert "a (a) and b (b) both read version 0" in witness.text
    assert [row["kind"] for row in witness.rows] == ["read", "write", "read", "write"]


def test_a_chain_of_versions_is_clean(history: History) -> None:
    for version in range(5):
        history.cycle(f"r{version}", version)
    assert oracles.lost_updates(history.ops, "k", 0, 5) == Verdict(0, 5)


def test_a_refused_write_is_neither_lost_nor_a_witness(history: History) -> None:
    history.cycle("a", 0)
    history.cycle("b", 0, "fail")
    history.cycle("b", 1)
    assert oracles.lost_updates(history.ops, "k", 0, 2) == Verdict(0, 2)
    assert oracles.writes(history.ops, "k") == (1, 3)


@pytest.mark.parametrize("final", [1, 2])
def test_an_indeterminate_write_may_count_or_not(history: History, final: int) -> None:
    history.cycle("a", 0)
    history.cycle("b", 1, "info")
    verdict = oracles.lost_updates(history.ops, "k", 0, final)
    assert (verdict.count, verdict.invalid, verdict.witnesses) == (0, None, ())


def test_a_value_that_no_write_can_have_made_is_a_broken_measurement(history: History) -> None:
    history.cycle("a", 0)
    assert oracles.lost_updates(history.ops, "k", 0, 2).invalid == "k gained 2 by at most 1 writes"


def test_writes_of_other_keys_do_not_count(history: History) -> None:
    history.cycle("a", 0)
    assert oracles.lost_updates(history.ops, "other", 0, 0).exposed == 0


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["ok", "applied", "dropped"])), max_size=40))
def test_blind_counts_are_never_more_than_what_was_really_lost(schedule: list[tuple[int, str]]) -> None:
    """Five clients in any interleaving: the first step of a client is its read, the next the write that builds on it.

    `applied` and `dropped` writes are those of which nobody got to know what became of them.
    """
    history, value, applied = History(), 0, 0
    reads: dict[int, tuple[str, int]] = {}
    for number, (client, fate) in enumerate(schedule):
        if client not in reads:
            reads[client] = (f"r{number}", value)
            history.op("read", f"r{number}", worker=f"c{client}", key="k", result={"version": value})
            continue
        request, base = reads.pop(client)
        status: Status = "ok" if fate == "ok" else "info"
        history.op("write", request, status, worker=f"c{client}", key="k", argument={"value": base + 1})
        if fate != "dropped":
            value, applied = base + 1, applied + 1
    verdict = oracles.lost_updates(history.ops, "k", 0, value)
    assert verdict.invalid is None
    assert verdict.count <= applied - value


@given(st.lists(st.sampled_from(["ok", "fail", "applied", "dropped"]), max_size=30))
def test_a_store_that_checks_versions_is_always_clean(fates: list[str]) -> None:
    history, value = History(), 0
    for number, fate in enumerate(fates):
        status: Status = "ok" if fate == "ok" else "fail" if fate == "fail" else "info"
        history.cycle(f"r{number}", value, status)
        value += fate in ("ok", "applied")
    verdict = oracles.lost_updates(history.ops, "k", 0, value)
    assert (verdict.count, verdict.invalid, verdict.witnesses) == (0, None, ())


def test_contention_is_cycles_that_overlap(history: History) -> None:
    history.cycle("a", 0, at=0.0)  # 0.0 to 1.1
    history.cycle("b", 0, at=1.0)  # overlaps a
    history.cycle("c", 1, at=5.0)  # by itself
    assert oracles.contended(history.ops, "k") == 1


def test_what_has_no_outcome_is_stuck_and_what_failed_is_not(history: History) -> None:
    history.op("acknowledge", "done")
    history.op("acknowledge", "failed", "info")
    history.op("acknowledge", "open", "info", took=None)
    verdict = oracles.stuck(history.ops)
    assert (verdict.count, verdict.exposed, verdict.witnesses[0].text) == (1, 3, "open never ended")


@pytest.mark.parametrize(
    ("second_at", "took", "at_once"), [(0.4, 0.5, True), (0.6, 0.5, False), (0.4, None, False)], ids=str
)
def test_two_deliveries_are_at_once_when_both_were_open_and_answered(
    history: History, second_at: float, took: float | None, at_once: bool
) -> None:
    history.op("deliver", "a", at=0.0)
    history.op("deliver", "a", attempt=2, at=second_at, took=took)
    assert oracles.delivered_at_once(history.ops) == ({"a"} if at_once else set())


def test_attempts_are_counted_wherever_they_show(history: History) -> None:
    history.op("deliver", "retried-in-worker")
    history.op("emit", "retried-in-worker", attempt=2)
    history.op("deliver", "once")
    assert oracles.retried(history.ops) == {"retried-in-worker"}


@pytest.mark.parametrize(
    ("verdict", "fired", "reason"),
    [
        (Verdict(0, 9), 0, "fault never fired"),
        (Verdict(0, 9), 2, "fault fired 2 of 3 times"),
        (Verdict(2, 9), 2, "fault fired 2 of 3 times"),
        (Verdict(0, 0), 9, "nothing was exposed"),
        (Verdict(0, 9, invalid="broken"), 0, "broken"),
        (Verdict(0, 9), 3, None),
    ],
    ids=str,
)
def test_a_cell_is_valid_only_when_its_fault_fired(verdict: Verdict, fired: int, reason: str | None) -> None:
    assert requiring(verdict, fired).invalid == reason
