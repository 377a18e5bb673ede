"""What counts as protection is what is missed when it is gone."""

import ast

import pytest

from stepwell.bench.catalog import CONDITIONAL, COUNTER, CRASH, DUPLICATE, DUPLICATED, HOT_KEY, LOST, ORDER, STRATEGIES
from stepwell.bench.measures.guards import judged, marked, variants, without_guards
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.oracles.outcome import Outcome
from stepwell.bench.plan import Cell, cells

MODULES = sorted({strategy.module for strategy in STRATEGIES.values()})


def outcome(fault: str, found: str | None = None, without: str | None = None, invalid: str | None = None) -> Outcome:
    verdicts = {measure: Verdict(int(measure == found), 9, invalid=invalid) for measure in (DUPLICATED, LOST)}
    return Outcome(
        workload=COUNTER, strategy=CONDITIONAL, fault=fault, without=without, verdicts=verdicts, fired=9, refused=0,
        writes=9, expected=frozenset(), possible=frozenset(),
    )  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_each_guard_can_be_taken_out_of_each_module(module: str) -> None:
    guards = marked(module)
    assert len({guard.name for guard in guards}) == len(guards)
    for guard in guards:
        assert guard.lines > 0
        left = {node.name for node in ast.parse(guard.without).body if isinstance(node, ast.FunctionDef)}
        assert left, guard


def test_a_strategy_is_protected_by_the_guards_of_the_functions_that_it_takes_from_another() -> None:
    assert [(guard.name, guard.of) for guard in marked("orchestration-key")] == [
        ("idempotency-key", "orchestration-key"), ("seen", "conditional"), ("version", "conditional")
    ]  # fmt: skip


def test_a_guard_of_another_module_is_taken_out_of_both() -> None:
    sources = variants([Cell(ORDER, "queue", DUPLICATE, "claim")])
    assert sorted(sources) == ["conditional--without-claim", "queue--without-claim"]
    assert "attribute_not_exists(#result)" not in sources["conditional--without-claim"]
    assert "strategies.conditional__without_claim import begin" in sources["queue--without-claim"]


def test_each_guard_is_tried_in_one_of_the_cells_that_it_is_there_for() -> None:
    asked = cells((COUNTER, ORDER), (CONDITIONAL,), (DUPLICATE, CRASH, HOT_KEY))
    tried = {(cell.without, cell.workload, cell.fault) for cell in without_guards(asked)}
    assert {("claim", ORDER, DUPLICATE), ("seen", COUNTER, CRASH), ("version", COUNTER, HOT_KEY)} <= tried
    assert all(cell.module == f"conditional--without-{cell.without}" for cell in without_guards(asked))


@pytest.mark.parametrize(
    ("outcomes", "tried", "caught_by"),
    [
        ([outcome(HOT_KEY), outcome(HOT_KEY, LOST, "version")], True, "counter, hot-key"),
        ([outcome(HOT_KEY), outcome(HOT_KEY, None, "version")], True, None),
        ([outcome(HOT_KEY, LOST), outcome(HOT_KEY, LOST, "version")], True, None),
        ([outcome(HOT_KEY, LOST), outcome(HOT_KEY, DUPLICATED, "version")], True, "counter, hot-key"),
        ([outcome(HOT_KEY, invalid="x"), outcome(HOT_KEY, LOST, "version")], False, None),
        ([outcome(HOT_KEY), outcome(HOT_KEY, LOST, "version", "fault never fired")], False, None),
        ([outcome(HOT_KEY)], False, None),
    ],
    ids=["missed", "dead", "broken anyhow", "breaks in another way", "no comparison", "did not fire", "not tried"],
)
def test_a_guard_bears_load_when_something_breaks_only_without_it(
    outcomes: list[Outcome], tried: bool, caught_by: str | None
) -> None:
    [version] = [guard for guard in judged(outcomes) if guard.name == "version"]
    assert (version.tried, version.caught_by) == (tried, caught_by)
