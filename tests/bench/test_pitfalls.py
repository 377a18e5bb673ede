"""Pairs of broken and fixed code: what is said of them, and some of them on real parts."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from stepwell.bench.oracles.anomalies import Verdict, Witness
from stepwell.bench.parts.workplace import OPS, workplace
from stepwell.bench.pitfalls import shown, stage
from stepwell.bench.pitfalls.pairs import BROKEN, FIXED, Figure, Figures, Pair, Result, change, judged
from stepwell.bench.pitfalls.run import PAIRS, Run
from stepwell.commands.bench_pitfalls import pitfalls

ISSUE = {
    "hot-partition", "hot-key", "client-per-call", "cold-start", "lost-callback", "claim-without-end",
    "claim-too-short", "status-loop", "whole-record",
}  # fmt: skip

ANY = PAIRS["hot-key"]


def figures(amount: float, verdict: Verdict | None = None) -> Figures:
    first = Figure("writes refused", amount, 10, "writes")
    return (first, judged("updates lost", "updates", verdict)) if verdict else (first,)


def run_of(*results: Result) -> Run:
    return Run(started_at="2026-11-22T00:00:00+00:00", seconds=61.4, machine="Linux", versions={}, results=results)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (figures(9), figures(0), "mended"),
        (figures(8), figures(4), "mended"),
        (figures(8), figures(5), "NOT MENDED"),
        (figures(9), figures(9), "NOT MENDED"),
        (figures(2), figures(0), "INVALID: the mistake did not show: writes refused 2 in 10 writes"),
        (figures(9, Verdict(0, 10)), figures(0, Verdict(1, 10)), "NOT MENDED"),
        (figures(9, Verdict(5, 10)), figures(0, Verdict(0, 10)), "mended"),
        (figures(9, Verdict(0, 10)), figures(0, Verdict(0, 10, invalid="gained 3 by 2")), "INVALID: gained 3 by 2"),
    ],
)
def test_a_fix_counts_only_if_the_mistake_showed_and_nothing_else_broke(
    before: Figures, after: Figures, says: str
) -> None:
    result = Result(ANY, before, after)
    assert shown.verdict(result) == says
    assert run_of(result).sound == (says == "mended")


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_the_change_leads_from_the_broken_source_to_the_fixed(pair: Pair) -> None:
    found = change(pair)
    assert found.added + found.removed > 0
    broken = [line[1:] for line in found.lines if not line.startswith("+")]
    fixed = [line[1:] for line in found.lines if not line.startswith("-")]
    for lines, variant in ((broken, BROKEN), (fixed, FIXED)):
        compile("\n".join(lines), "variant", "exec")
        assert sum(line.startswith("def ") for line in lines) == len(pair.variants)
        assert not any(f"{name}_" in line for line in lines for name in (BROKEN, FIXED)), variant


def test_the_smallest_change_is_one_line() -> None:
    found = change(PAIRS["client-per-call"])
    assert (found.added, found.removed) == (1, 0)
    assert "+@cache" in found.lines


def test_there_is_a_pair_for_each_pitfall() -> None:
    assert set(PAIRS) == ISSUE
    assert all(name == pair.name for name, pair in PAIRS.items())


def test_times_are_shown_as_ratios_only() -> None:
    timed = [Figure("time in the handler", milliseconds, 1, "invocation", relative=True) for milliseconds in (8.0, 2.0)]
    result = Result(ANY, (*figures(9), timed[0]), (*figures(0), timed[1]))
    assert list(shown.figures(result))[1] == ("time in the handler", "timed", "timed", "0.25")


def test_the_page_has_the_figures_the_witness_and_the_diff() -> None:
    verdict = Verdict(5, 10, (Witness("two read version 7", ()),))
    page = shown.document(run_of(Result(ANY, figures(9, verdict), figures(1, Verdict(0, 10)))))
    assert "| [hot-key](#hot-key) | +1 −1 | writes refused | 9 in 10 writes | 1 in 10 writes | 0.11 | mended |" in page
    assert "| updates lost | 5 of 10 | 0 of 10 (at most 26 %) | 0 |" in page
    assert "Witness: two read version 7." in page
    assert "```diff\n def names(counter: str) -> list[str]:\n-    return [counter]\n+    return [f" in page
    assert page.endswith("```\n")


def test_the_worker_needs_nothing_but_what_it_is_packed_with(tmp_path: Path) -> None:
    packed = tmp_path / "function.zip"
    packed.write_bytes(stage._archive())
    assert "stepwell/bench/oracles/anomalies.py" not in zipfile.ZipFile(packed).namelist()
    names = ", ".join(f"stepwell.bench.pitfalls.{name.replace('-', '_')}" for name in PAIRS)
    program = f"import sys; sys.modules['msgspec'] = None; import {names}; print({names.split(', ')[0]}.__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], env={**os.environ, "PYTHONPATH": str(packed)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith(str(packed)), done.stderr


def test_an_unknown_pair_is_refused_with_those_that_exist() -> None:
    done = CliRunner().invoke(pitfalls, ["hot-kay"])
    assert done.exit_code == 2
    assert "no pair 'hot-kay'" in done.output and "hot-key" in done.output


@pytest.fixture(scope="module")
def on() -> Iterator[stage.Stage]:
    with workplace() as work, stage.stage(work / OPS) as made:
        yield made


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["claim-too-short", "whole-record"])
def test_the_mistake_shows_and_its_fix_helps(on: stage.Stage, name: str) -> None:
    pair = PAIRS[name]
    before, after = pair.measure(on, BROKEN), pair.measure(on, FIXED)
    result = Result(pair, before, after)
    assert shown.verdict(result) == "mended", list(shown.figures(result))
    assert not Result(pair, before, before).mended


@pytest.mark.e2e
def test_provisioned_concurrency_is_not_offered_as_the_page_says(on: stage.Stage) -> None:
    published = on.lambda_.publish_version(FunctionName=on.function)["Version"]
    with pytest.raises(ClientError):
        on.lambda_.put_provisioned_concurrency_config(
            FunctionName=on.function, Qualifier=published, ProvisionedConcurrentExecutions=1
        )
