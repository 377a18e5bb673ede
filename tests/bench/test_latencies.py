"""Histograms: what is recorded, added up, written and read back, and what is no such file."""

import base64
import random
import struct
import zlib
from pathlib import Path

import pytest

from stepwell.bench.load.latencies import Latencies, milliseconds, read_log, write_log


def recorded(*seconds: float) -> Latencies:
    """Operations that were begun half a millisecond after they were due."""
    latencies = Latencies()
    for each in seconds:
        latencies.record(10.0, 10.0005, 10.0 + each)
    return latencies


def test_percentiles_are_within_a_thousandth() -> None:
    latencies = recorded(*(number / 1000 for number in range(1, 1001)))
    expected = {"p50": 500, "p90": 900, "p99": 990, "p99.9": 999, "max": 1000}
    assert milliseconds(latencies.response) == pytest.approx(expected, rel=1e-3)
    assert milliseconds(latencies.service)["p50"] == pytest.approx(499.5, rel=1e-3)


def test_nothing_recorded_has_no_percentiles() -> None:
    assert milliseconds(Latencies().response) == {}


@pytest.mark.parametrize(("seconds", "shown"), [(9_999.0, 3_600_000), (0.0000001, 0.001), (-1.0, 0.001)])
def test_what_is_out_of_range_counts_at_the_end_of_it(seconds: float, shown: float) -> None:
    latencies = recorded(seconds)
    assert latencies.count == 1
    assert milliseconds(latencies.response)["max"] == pytest.approx(shown, rel=1e-3)


def test_repetitions_add_up_to_what_one_would_have_recorded() -> None:
    chance = random.Random(1)
    values = [chance.lognormvariate(-5, 1) for _ in range(3000)]
    both = recorded(*values[:1000])
    both.add(recorded(*values[1000:]))
    assert both.count == 3000
    assert milliseconds(both.response) == milliseconds(recorded(*values).response)
    assert milliseconds(both.service) == milliseconds(recorded(*values).service)


@pytest.mark.parametrize("latencies", [recorded(0.001, 0.5, 70.0), recorded()], ids=["three", "none"])
def test_a_log_gives_back_what_was_written(tmp_path: Path, latencies: Latencies) -> None:
    write_log(tmp_path / "run.hlog", latencies, 1_000_000_000.0, 1_000_000_005.0)
    read = read_log(tmp_path / "run.hlog")
    assert read.count == latencies.count
    assert milliseconds(read.response) == milliseconds(latencies.response)
    assert milliseconds(read.service) == milliseconds(latencies.service)


def _bomb() -> str:
    packed = zlib.compress(b"\0" * 50_000_000)
    return "Tag=response,0.0,1.0,1.0," + base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed).decode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Tag=response,0.0,1.0,1.0,HISTFAAAAAEAAA==\n", "is no log of latencies"),
        ("Tag=response,0.0,1.0,1.0,nonsense\n", "is no log of latencies"),
        (_bomb(), "a histogram is too large"),
        ("x" * 1_000_001, "more than 1000000 bytes"),
    ],
    ids=["cut off", "nonsense", "a bomb", "too long"],
)
def test_what_is_no_log_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "run.hlog"
    path.write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_log(path)


def test_a_histogram_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.hlog"
    write_log(path, recorded(0.1), 0.0, 1.0)
    path.write_text(path.read_text().replace("Tag=service", "Tag=other"))
    with pytest.raises(ValueError, match="is no log of latencies: 'other'"):
        read_log(path)
