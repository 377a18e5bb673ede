"""Jepsen's split brain on real nodes in network namespaces, and what would count as having reproduced it."""

import os

import pytest

from stepwell.bench.durability.adds import Survival
from stepwell.bench.durability.network import unavailable
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.published.redis_sentinel import DEFAULT, MIN_REPLICAS, SETTINGS, WAIT, Row, Timing, criteria, run_t1

SHORT = Timing(before_seconds=0.5, cut_seconds=5.0, after_seconds=0.5)


@pytest.mark.e2e
@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_what_the_old_master_acknowledges_in_a_split_brain_is_lost() -> None:
    said: list[str] = []
    [row] = run_t1(said.append, SHORT, [DEFAULT])
    assert said == ["Redis and Sentinel, default: the network is cut for 5 s"]
    assert row.survival.verdict.invalid is None
    # Two of five clients, with at most 20 writes a second each.
    assert 50 < row.lost < 2 * 20 * (SHORT.cut_seconds + SHORT.after_seconds) + 10
    assert abs(row.lost - row.stale) <= 0.05 * row.stale
    assert row.first_seconds is not None
    assert 1 < row.first_seconds < SHORT.cut_seconds
    assert row.stale <= row.acknowledged <= row.attempted
    [witness, *_] = row.survival.verdict.witnesses
    assert "was acknowledged by 10.77.0.1:6379" in witness.text
    assert witness.rows[0]["worker"] in ("n1", "n2")


def test_without_root_each_row_is_invalid_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    said: list[str] = []
    rows = run_t1(said.append)
    assert [row.setting for row in rows] == list(SETTINGS)
    assert {row.survival.verdict.invalid for row in rows} == {"needs root, to make network namespaces"}
    assert {row.share for row in rows} == {None}
    assert criteria(rows) == said == []


@pytest.mark.parametrize(
    ("lost", "stale", "met"),
    [
        ((350, 30, 0), 350, [True, True, True, True]),
        ((300, 60, 0), 300, [False, True, True, True]),
        ((350, 71, 0), 350, [True, True, False, True]),
        ((350, 30, 0), 330, [True, False, True, True]),
        ((350, 30, 1), 350, [True, True, True, False]),
    ],
    ids=["as published", "too few", "no help", "others", "WAIT loses"],
)
def test_what_is_asked_for_is_decided_before(lost: tuple[int, int, int], stale: int, met: list[bool]) -> None:
    rows = [
        Row(setting, Survival(Verdict(count, 1000)), stale=stale)
        for setting, count in zip((DEFAULT, MIN_REPLICAS, WAIT), lost, strict=True)
    ]
    assert [criterion.met for criterion in criteria(rows)] == met
