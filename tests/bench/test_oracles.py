"""Seeded anomalies must be caught, clean histories be clean, and what is not known never be counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.histories import History

from stepwell.bench.history import Status
from stepwell.bench.oracles import anomalies
from stepwell.bench.oracles.anomalies import Verdict, requiring


def test_a_second_effect_is_counted_once_per_request_and_shown(history: History) -> None:
    for request in ("a", "b", "b", "b", "c"):
        history.effect(request)
    found = anomalies.duplicate_effects(history.effects)
    assert set(found) == {"b"}
    assert found["b"].text.startswith("b has 3 effects of type charge")
    assert [row["sequence"] for row in found["b"].rows] == [2, 3, 4]


def test_effects_of_different_types_are_no_duplicates(history: History) -> None:
    history.effect("a", "charge")
    history.effect("a", "mail")
    assert anomalies.duplicate_effects(history.effects) == {}


def test_a_finding_on_a_request_that_was_not_exposed_is_not_hidden() -> None:
    found = {"a": anomalies.Witness("a is broken", ())}
    assert anomalies.verdict(found, {"b", "c"}) == Verdict(1, 3, (found["a"],))


def test_a_missing_effect_is_one_of_a_request_that_was_acknowledged(history: History) -> None:
    history.op("acknowledge", "kept")
    history.op("acknowledge", "lost")
    history.op("acknowledge", "unknown", "info", took=None)
    history.effect("kept")
    found = anomalies.missing_effects(history.ops, history.effects, [{"charge"}])
    assert set(found) == {"lost"}
    assert found["lost"].text == "lost was acknowledged and has no charge in the sink"


def test_one_effect_of_a_group_is_enough(history: History) -> None:
    for request, types in {"sold": ["email"], "sold-out": ["refund"], "neither": []}.items():
        history.op("acknowledge", request)
        for type in types:
            history.effect(request, type)
    assert set(anomalies.missing_effects(history.ops, history.effects, [{"email", "refund"}])) == {"neither"}


def test_a_record_of_ones_own_that_was_raised_twice_shows_it(history: History) -> None:
    history.cycle("a", 0, key="a")
    history.cycle("b", 0, key="b")
    history.cycle("b", 1, key="b")
    assert set(anomalies.repeated_changes(history.ops, {"a": 1, "b": 2})) == {"b"}


def test_two_acknowledged_writes_are_two_changes_even_where_one_hid_the_other(history: History) -> None:
    history.cycle("a", 0, key="a")
    history.cycle("a", 0, key="a")
    assert set(anomalies.repeated_changes(history.ops, {"a": 1})) == {"a"}


def test_a_refused_or_unknown_write_is_no_second_change(history: History) -> None:
    for status in ("ok", "fail", "info"):
        history.cycle("a", 0, status, key="a")
    assert anomalies.repeated_changes(history.ops, {"a": 1}) == {}


def test_an_acknowledged_change_must_be_in_the_record(history: History) -> None:
    for request in ("there", "gone"):
        history.op("acknowledge", request)
    history.op("acknowledge", "unknown", "info", took=None)
    assert set(anomalies.missing_changes(history.ops, {"there": 1, "gone": 0, "unknown": 0})) == {"gone"}


def test_two_writes_on_one_version_are_a_lost_update_with_both_as_witnesses(history: History) -> None:
    history.cycle("a", 0)
    history.cycle("b", 0)
    history.cycle("c", 1)
    verdict = anomalies.lost_updates(history.ops, "k", 2)
    assert (verdict.count, verdict.exposed) == (1, 3)
    [witness] = verdict.witnesses
    assert "a (a) and b (b) both read version 0" in witness.text
    assert [row["kind"] for row in witness.rows] == ["read", "write", "read", "write"]


def test_a_chain_of_versions_is_clean(history: History) -> None:
    for version in range(5):
        history.cycle(f"r{version}", version)
    assert anomalies.lost_updates(history.ops, "k", 5) == Verdict(0, 5)


def test_a_refused_write_is_neither_lost_nor_a_witness(history: History) -> None:
    history.cycle("a", 0)
    history.cycle("b", 0, "fail")
    history.cycle("b", 1)
    assert anomalies.lost_updates(history.ops, "k", 2) == Verdict(0, 2)
    assert anomalies.writes(history.ops) == (1, 3)


@pytest.mark.parametrize("final", [1, 2])
def test_an_indeterminate_write_may_count_or_not(history: History, final: int) -> None:
    history.cycle("a", 0)
    history.cycle("b", 1, "info")
    verdict = anomalies.lost_updates(history.ops, "k", final)
    assert (verdict.count, verdict.invalid, verdict.witnesses) == (0, None, ())


def test_a_value_that_no_write_can_have_made_is_a_broken_measurement(history: History) -> None:
    history.cycle("a", 0)
    assert anomalies.lost_updates(history.ops, "k", 2).invalid == "k gained 2 by at most 1 writes"


def test_writes_of_other_keys_do_not_count(history: History) -> None:
    history.cycle("a", 0)
    assert anomalies.lost_updates(history.ops, "other", 0).exposed == 0


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
    verdict = anomalies.lost_updates(history.ops, "k", value)
    assert verdict.invalid is None
    assert verdict.count <= applied - value


@given(st.lists(st.sampled_from(["ok", "fail", "applied", "dropped"]), max_size=30))
def test_a_store_that_checks_versions_is_always_clean(fates: list[str]) -> None:
    history, value = History(), 0
    for number, fate in enumerate(fates):
        status: Status = "ok" if fate == "ok" else "fail" if fate == "fail" else "info"
        history.cycle(f"r{number}", value, status)
        value += fate in ("ok", "applied")
    verdict = anomalies.lost_updates(history.ops, "k", value)
    assert (verdict.count, verdict.invalid, verdict.witnesses) == (0, None, ())


def test_contention_is_requests_that_overlap(history: History) -> None:
    history.op("acknowledge", "a", at=0.0, took=1.1)
    history.op("acknowledge", "b", at=1.0)  # while a is under way
    history.op("acknowledge", "c", at=5.0)  # by itself
    assert anomalies.contended(history.ops) == 1


def test_what_has_no_outcome_or_half_of_its_effects_is_stuck_and_a_clean_failure_is_not(history: History) -> None:
    history.op("acknowledge", "done")
    history.op("acknowledge", "failed", "info")
    history.op("acknowledge", "half", "info")
    history.effect("half")
    history.op("acknowledge", "open", "info", took=None)
    found = anomalies.half_done(history.ops, history.effects)
    assert {request: witness.text for request, witness in found.items()} == {
        "half": "half failed and has had an effect all the same",
        "open": "open never ended",
    }


@pytest.mark.parametrize(
    ("second_at", "took", "at_once"), [(0.4, 0.5, True), (0.6, 0.5, False), (0.4, None, False)], ids=str
)
def test_two_deliveries_are_at_once_when_both_were_open_and_answered(
    history: History, second_at: float, took: float | None, at_once: bool
) -> None:
    history.op("deliver", "a", at=0.0)
    history.op("deliver", "a", attempt=2, at=second_at, took=took)
    assert anomalies.delivered_at_once(history.ops) == ({"a"} if at_once else set())


def test_attempts_are_counted_wherever_they_show(history: History) -> None:
    history.op("deliver", "retried-in-worker")
    history.op("emit", "retried-in-worker", attempt=2)
    history.op("deliver", "once")
    assert anomalies.retried(history.ops) == {"retried-in-worker"}


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
