"""A session in two regions, on the real layer and emulator."""

from stepwell.bench.two_regions import (
    CHANGES,
    CHECKED,
    CONFLICTS,
    DIVERGED,
    EXPECTED,
    HOME,
    LOST,
    MEASURES,
    NEAREST,
    STRATEGIES,
    UNSEEN,
    Row,
    measure,
)


def test_only_lag_breaks_a_session_and_only_where_its_records_are_written_over_in_both_regions() -> None:
    said: list[str] = []
    rows = measure(1, said.append, lags=(0.0, 0.5), users=6, requests=8)
    assert len(said) == len(rows) == 2 * len(STRATEGIES)
    assert not [(row.strategy, row.lag_seconds, row.disagreements) for row in rows if row.disagreements]
    by_cell: dict[tuple[str, float], Row] = {(row.strategy, row.lag_seconds): row for row in rows}
    _check_witnesses(by_cell[NEAREST, 0.5])
    assert all(row.verdicts[DIVERGED].count == 0 for row in rows)
    assert by_cell[CHANGES, 0.5].verdicts[LOST].exposed == 6 * 8
    # Who stays at home pays with calls to another region, and nobody else does.
    assert all((row.remote > 0) == (row.strategy == HOME) for row in rows)


def _check_witnesses(row: Row) -> None:
    for name in (UNSEEN, CONFLICTS, LOST):
        assert row.verdicts[name].witnesses, name


def test_each_strategy_and_measure_is_named() -> None:
    assert set(EXPECTED) == set(STRATEGIES) == {NEAREST, CHECKED, HOME, CHANGES}
    assert set().union(*EXPECTED.values()) <= set(MEASURES)
