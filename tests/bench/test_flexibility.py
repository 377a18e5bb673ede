"""The change test: what is counted, what the oracle finds, and the whole of it on real parts."""

import ast
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.bench.histories import History

from stepwell.bench.catalog import CONDITIONAL, DUPLICATED, LOST, ORCHESTRATION, QUEUED, SINGLE_WRITER, STUCK
from stepwell.bench.flexibility import bed, changes, definitions, shown
from stepwell.bench.flexibility.changes import BRANCH, FAN_OUT, ORDER, size
from stepwell.bench.flexibility.deliver import Order
from stepwell.bench.flexibility.run import AGAIN, CALM, TWICE, Cell, Outcome, Result, run
from stepwell.bench.flexibility.verify import Evidence, judge
from stepwell.bench.oracles.anomalies import Verdict, Witness, requiring

FLOWS = Path(changes.__file__).parent / "flows"


def test_a_change_counts_by_the_lines_that_say_something() -> None:
    # LIMIT, `state =`, `if`, the review and the charge that reads the state; and the charge that read the event.
    branch = size(CONDITIONAL, BRANCH)
    assert (branch.python, branch.machine) == ((5, 1), (0, 0))
    assert (branch.steps, branch.guarded, branch.states, branch.calls) == (2, 1, (), ())


@pytest.mark.parametrize(
    ("strategy", "change", "states", "calls", "guarded"),
    [
        # The new step is guarded by `once`, which does nothing under an orchestrator, and by the Retry of its state.
        (ORCHESTRATION, BRANCH, ("limit (Choice)", "review (Task)"), (), 2),
        (ORCHESTRATION, FAN_OUT, ("lines (Map)", "reserve-line (Task)"), (), 0),
        (CONDITIONAL, FAN_OUT, (), ("lambda.Invoke",), 0),
        (SINGLE_WRITER, FAN_OUT, (), ("sqs.SendMessage",), 2),
        (QUEUED, FAN_OUT, (), (), 2),
    ],
)
def test_new_resources_are_read_from_what_is_deployed(
    strategy: str, change: str, states: tuple[str, ...], calls: tuple[str, ...], guarded: int
) -> None:
    found = size(strategy, change)
    assert (found.states, found.calls, found.guarded) == (states, calls, guarded)


def test_the_join_counts_only_where_nobody_waits_for_all_lines() -> None:
    assert size(QUEUED, FAN_OUT).steps > size(CONDITIONAL, FAN_OUT).steps == size(ORCHESTRATION, FAN_OUT).steps


def test_all_versions_with_a_branch_have_one_limit() -> None:
    limits = [
        ast.literal_eval(node.value)
        for path in FLOWS.glob("*_branch.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LIMIT"
    ]
    assert limits == [definitions.LIMIT] * 2


def test_each_line_of_an_order_has_a_key_of_its_own_at_the_provider() -> None:
    machine = definitions.fan_out("arn", keyed=True)
    task = machine["States"]["lines"]["ItemProcessor"]["States"]["reserve-line"]
    assert "$.state.record" in task["Parameters"]["key.$"]
    assert "key.$" not in definitions.fan_out("arn", keyed=False)["States"]["charge"]["Parameters"]


LINES = ("r/1", "r/2")


def order(version: str, amount: int = 5000) -> Order:
    state = {"amount": amount, "record": LINES[0]} | ({"lines": list(LINES)} if version == FAN_OUT else {})
    return Order(run="run", request="r", strategy=CONDITIONAL, version=version, state=state)


def recorded(version: str, told: list[str]) -> tuple[History, dict[str, int]]:
    """What is said in a few words: effects by their type, `line` for the next reservation, `done` for the answer."""
    history, finals = History(), dict.fromkeys(LINES if version == FAN_OUT else LINES[:1], 0)
    for word in told:
        if word.startswith("r/"):
            history.op("read", "r", key=word, result={"value": finals[word], "version": finals[word]})
            finals[word] += 1
            history.op("write", "r", key=word, argument={"value": finals[word], "version": finals[word]})
        elif word == "done":
            history.op("acknowledge", "r", at=0.0, took=100.0)
        elif word == "silence":
            history.op("acknowledge", "r", "info", at=0.0, took=None)
        else:
            history.op("emit", "r", argument={"type": word})
            history.effect("r", word)
    return history, finals


@pytest.mark.parametrize(
    ("version", "told", "broken"),
    [
        (ORDER, "charge r/1 email done", set()),
        (ORDER, "charge charge r/1 email done", {DUPLICATED}),
        (ORDER, "charge r/1 r/1 email done", {DUPLICATED}),
        (ORDER, "charge email done", {LOST}),
        (ORDER, "charge r/1 done", {LOST}),
        (ORDER, "charge r/1 silence", {STUCK}),
        (BRANCH, "review charge r/1 email done", set()),
        (BRANCH, "review review charge r/1 email done", {DUPLICATED}),
        (BRANCH, "charge r/1 email done", {LOST}),
        (BRANCH, "charge review r/1 email done", {LOST}),
        (FAN_OUT, "charge r/1 r/2 email done", set()),
        (FAN_OUT, "charge r/2 r/1 refund done", set()),
        (FAN_OUT, "charge r/1 email done", {LOST}),
        (FAN_OUT, "charge r/1 email r/2 done", {LOST}),
        (FAN_OUT, "charge r/1 r/2 email email done", {DUPLICATED}),
        (FAN_OUT, "charge r/1 r/2 r/2 email done", {DUPLICATED}),
        (FAN_OUT, "charge r/1 r/2 silence", {STUCK}),
    ],
)
def test_each_way_in_which_a_version_can_be_wrong_is_found(version: str, told: str, broken: set[str]) -> None:
    history, finals = recorded(version, told.split())
    verdicts = judge(Evidence([order(version)], history.ops, history.effects, finals), {"r"})
    assert {measure for measure, each in verdicts.items() if each.count} == broken
    assert all(each.witnesses for each in verdicts.values() if each.count)


def test_an_order_below_the_limit_is_not_to_be_reviewed() -> None:
    history, finals = recorded(BRANCH, ["review", "charge", "r/1", "email", "done"])
    verdicts = judge(Evidence([order(BRANCH, amount=10)], history.ops, history.effects, finals), {"r"})
    assert verdicts[DUPLICATED].count == 1


def outcome(duplicated: int = 0, exposed: int = 4) -> Outcome:
    return Outcome({DUPLICATED: requiring(Verdict(duplicated, exposed), exposed)}, calls=3.0)


def result(change: Callable[[Cell], Outcome], before: Callable[[Cell], Outcome] = lambda cell: outcome()) -> Result:
    cells = [Cell(CONDITIONAL, BRANCH, *rest) for rest in ((CALM,), (TWICE,), (AGAIN, "review"))]
    return Result(
        strategy=CONDITIONAL, change=BRANCH, size=size(CONDITIONAL, BRANCH),
        after={cell: change(cell) for cell in cells}, before={cell.before: before(cell) for cell in cells},
    )  # fmt: skip


def test_a_change_that_breaks_where_nothing_broke_before_is_weaker() -> None:
    broken = result(lambda cell: outcome(2 if cell.step else 0))
    assert broken.weaker == ["branch-conditional-again-review: duplicated 2 of 4"]
    assert shown.told(broken).startswith("WEAKER")
    as_before = result(lambda cell: outcome(2 if cell.step else 0), lambda cell: outcome(1 if cell.step else 0))
    assert not as_before.weaker
    assert shown.told(as_before) == "duplicated 2 of 4; before: duplicated 1 of 4"
    assert shown.told(result(lambda cell: outcome())) == "0 of 8 (at most 31 %)"


def test_a_version_that_does_not_work_or_was_not_struck_says_nothing() -> None:
    useless = result(lambda cell: outcome(1 if cell.condition == CALM else 0))
    assert useless.invalid == "branch-conditional-calm: duplicated 1 of 4, with nothing broken"
    unstruck = result(lambda cell: outcome(exposed=0 if cell.condition == TWICE else 4))
    assert unstruck.invalid == "branch-conditional-twice: fault never fired"
    assert shown.told(unstruck).startswith("INVALID")


def test_a_step_is_compared_with_the_one_of_its_kind_in_the_order_as_it_was() -> None:
    review = Cell(CONDITIONAL, BRANCH, AGAIN, "review")
    assert review.before == Cell(CONDITIONAL, ORDER, AGAIN, "charge")
    assert replace(review, version=FAN_OUT, step="arrive").before == Cell(CONDITIONAL, ORDER, AGAIN, "reserve")
    assert Cell(CONDITIONAL, FAN_OUT, TWICE).before == Cell(CONDITIONAL, ORDER, TWICE)


@pytest.mark.e2e
def test_a_queue_keeps_its_protection_through_both_changes() -> None:
    done = run((QUEUED,), lambda phase, left: None)
    assert done.sound, [(each.invalid, each.weaker) for each in done.results]
    assert not [cell.run for each in done.results for cell, found in each.after.items() if found.found]
    page = shown.document(done)
    assert all(heading in page for heading in shown.HEADINGS) and "+LIMIT = 1000" in page


def _witnesses(result: Result) -> list[Witness]:
    verdicts = [verdict for outcome in result.after.values() for verdict in outcome.verdicts.values()]
    return [witness for verdict in verdicts for witness in verdict.witnesses]


@pytest.mark.e2e
def test_a_join_that_does_not_wait_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = bed._archive

    def careless() -> bytes:
        buffer = io.BytesIO(real())
        name = "stepwell/bench/flexibility/flows/queue_fan_out.py"
        with zipfile.ZipFile(buffer) as opened:
            sources = {each: opened.read(each) for each in opened.namelist()}
        waits = b'if state["arrived"] == len(state["lines"]):'
        assert waits in sources[name]
        sources[name] = sources[name].replace(waits, b"if True:")
        with zipfile.ZipFile(made := io.BytesIO(), "w") as opened:
            for each, source in sources.items():
                opened.writestr(each, source)
        return made.getvalue()

    monkeypatch.setattr(bed, "_archive", careless)
    fanned = next(each for each in run((QUEUED,), lambda phase, left: None).results if each.change == FAN_OUT)
    assert any("confirmed before" in witness.text for witness in _witnesses(fanned))
