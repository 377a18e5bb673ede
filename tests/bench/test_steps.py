"""Half-done requests and work done again after a crash, and what looks like it and is not."""

import pytest
from msgspec import structs
from tests.bench.histories import RUN, History

from stepwell.bench.history import Fired, Status
from stepwell.bench.oracles.steps import STEP, lost_progress, partial_execution

REQUIRED, COMPENSATIONS = ("charge", "email"), {"charge": "refund"}
STEPS = tuple("abcde")


@pytest.mark.parametrize(
    ("status", "took", "effects", "count", "exposed"),
    [
        ("info", 1.0, ["charge"], 1, 1),
        ("fail", 1.0, ["charge"], 1, 1),
        ("info", None, ["email"], 1, 1),
        ("info", 1.0, ["charge", "charge", "refund"], 1, 1),
        ("info", 1.0, ["charge", "refund"], 0, 1),
        ("info", 1.0, ["charge", "refund", "email"], 1, 1),
        ("info", 1.0, ["charge", "email"], 0, 1),
        ("info", 1.0, [], 0, 1),
        ("ok", 1.0, ["charge"], 0, 0),
    ],
    ids=str,
)
def test_a_request_given_up_with_some_effects_standing_is_partial(
    history: History, status: Status, took: float | None, effects: list[str], count: int, exposed: int
) -> None:
    history.op("acknowledge", "r", status, took=took)
    for type in effects:
        history.effect("r", type)
    verdict = partial_execution(history.ops, history.effects, REQUIRED, COMPENSATIONS)
    assert (verdict.count, verdict.exposed) == (count, exposed)
    assert len(verdict.witnesses) == count


def test_a_partial_request_is_shown_with_what_it_did_and_what_it_did_not(history: History) -> None:
    history.op("acknowledge", "r", "fail")
    history.effect("r", "charge")
    [witness] = partial_execution(history.ops, history.effects, REQUIRED, COMPENSATIONS).witnesses
    assert witness.text == "r was given up with charge done and email not"
    assert [row.get("kind") or row["type"] for row in witness.rows] == ["acknowledge", "charge"]


class Workflow(History):
    """One request that goes through steps, each taking a second, and crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.crashes: list[Fired] = []
        self.now = 0.0

    def run(self, steps: str, status: Status = "ok") -> None:
        for step in steps:
            self.op(STEP, "r", status, at=self.now, took=0.5 if status == "ok" else None)
            self.ops[-1] = structs.replace(self.ops[-1], step=step)
            self.now += 1

    def crash(self, request: str = "r") -> None:
        self.crashes.append(Fired(fault="crash", run=RUN, request=request, worker="w", at=self.now - 0.4))

    def end(self, status: Status = "ok") -> None:
        self.op("acknowledge", "r", status, at=0.0, took=self.now)


@pytest.mark.parametrize("struck", ["r", ""])
def test_a_crash_that_has_everything_done_again(struck: str) -> None:
    flow = Workflow()
    flow.run("abc")
    flow.crash(struck)
    flow.run("abcde")
    flow.end()
    progress = lost_progress(flow.ops, flow.crashes, STEPS)
    assert (progress.verdict.count, progress.verdict.exposed) == (1, 1)
    assert (progress.repeated, progress.wasted_seconds, progress.depth) == (3, 1.5, 3)
    assert (progress.restarted, progress.abandoned) == (1, 0)
    [witness] = progress.verdict.witnesses
    assert witness.text == ("r did 3 steps again that were done durably before a crash, first a, and was thrown back 3")
    assert [row["invoked_at"] for row in witness.rows] == [0.0, 3.0]


def test_a_crash_that_has_the_last_step_done_again() -> None:
    flow = Workflow()
    flow.run("abc")
    flow.crash()
    flow.run("cde")
    flow.end()
    progress = lost_progress(flow.ops, flow.crashes, STEPS)
    assert (progress.repeated, progress.depth, progress.restarted) == (1, 1, 0)


def test_going_on_with_the_step_that_was_under_way_loses_nothing() -> None:
    flow = Workflow()
    flow.run("abc")
    flow.run("d", "info")
    flow.crash()
    flow.run("de")
    flow.end()
    progress = lost_progress(flow.ops, flow.crashes, STEPS)
    assert (progress.verdict.count, progress.verdict.exposed, progress.depth) == (0, 1, 0)


def test_steps_side_by_side_may_go_on_in_any_order() -> None:
    flow = Workflow()
    flow.run("abd")
    flow.crash()
    flow.run("ce")
    flow.end()
    assert lost_progress(flow.ops, flow.crashes, STEPS).verdict.count == 0


def test_a_step_done_again_without_a_crash_between_is_not_lost_progress() -> None:
    flow = Workflow()
    flow.run("aa")
    flow.crash()
    flow.run("bcde")
    flow.end()
    assert lost_progress(flow.ops, flow.crashes, STEPS).verdict.count == 0


@pytest.mark.parametrize("request_", ["other", "r"])
def test_a_crash_of_another_or_after_the_end_exposes_nothing(request_: str) -> None:
    flow = Workflow()
    flow.run("abcde")
    flow.end()
    flow.now += 5
    flow.crash(request_)
    assert lost_progress(flow.ops, flow.crashes, STEPS).verdict.exposed == 0


def test_who_never_goes_on_after_a_crash_is_abandoned() -> None:
    flow = Workflow()
    flow.run("ab")
    flow.crash()
    progress = lost_progress(flow.ops, flow.crashes, STEPS)
    assert (progress.abandoned, progress.verdict.count, progress.verdict.exposed) == (1, 0, 1)


def test_two_crashes_are_counted_from_what_was_done_at_each() -> None:
    flow = Workflow()
    flow.run("ab")
    flow.crash()
    flow.run("bcd")
    flow.crash()
    flow.run("bcde")
    flow.end()
    progress = lost_progress(flow.ops, flow.crashes, STEPS)
    assert (progress.repeated, progress.depth) == (4, 3)


def test_a_step_that_nobody_declared_is_refused() -> None:
    flow = Workflow()
    flow.run("z")
    with pytest.raises(ValueError, match="of step 'z', which is none of a, b, c, d, e"):
        lost_progress(flow.ops, flow.crashes, STEPS)
