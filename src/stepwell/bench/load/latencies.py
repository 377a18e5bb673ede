"""Latencies of many operations in little space, to three digits, and as a log that other tools can read.

Two of each operation: the response time, from when it was due, and the service time, from when it was really begun.
Only the first is what a client that does not wait for others would see; where a store stalls, the second hides it.
"""

import base64
import zlib
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader, HistogramLogWriter

PERCENTILES = (50.0, 90.0, 99.0, 99.9)

_DIGITS = 3
_MAX_MICROSECONDS = 3_600_000_000
_LOG_BYTES_MAX = 1_000_000
_HISTOGRAM_BYTES_MAX = 1_000_000
"""More than all counters of one histogram take at their greatest."""


def _histogram() -> HdrHistogram:
    return HdrHistogram(1, _MAX_MICROSECONDS, _DIGITS)


@dataclass(slots=True)
class Latencies:
    """Not for many threads at once: each has its own, and they are added up."""

    response: HdrHistogram = field(default_factory=_histogram)
    service: HdrHistogram = field(default_factory=_histogram)

    def record(self, due_at: float, begun_at: float, ended_at: float) -> None:
        """One operation. What took longer than an hour counts as an hour."""
        for histogram, since in ((self.response, due_at), (self.service, begun_at)):
            histogram.record_value(min(max(1, round(1e6 * (ended_at - since))), _MAX_MICROSECONDS))

    def add(self, other: "Latencies") -> None:
        """Takes in what another thread or another repetition has recorded."""
        self.response.add(other.response)
        self.service.add(other.service)

    @property
    def count(self) -> int:
        return int(self.response.get_total_count())


def milliseconds(histogram: HdrHistogram) -> dict[str, float]:
    """The percentiles that are reported and the maximum: {p50, p90, p99, p99.9, max}; empty if nothing was recorded."""
    if not histogram.get_total_count():
        return {}
    found = {f"p{percent:g}": histogram.get_value_at_percentile(percent) / 1000 for percent in PERCENTILES}
    return found | {"max": histogram.get_max_value() / 1000}


def write_log(path: Path, latencies: Latencies, began_at: float, ended_at: float) -> None:
    """A histogram log (V2) with one line for each of the two; the times are epoch seconds."""
    with path.open("w", encoding="utf-8") as file:
        writer = HistogramLogWriter(file)
        writer.output_log_format_version()
        writer.output_legend()
        for tag, histogram in (("response", latencies.response), ("service", latencies.service)):
            file.write(f"Tag={tag},")
            writer.output_interval_histogram(histogram, began_at, ended_at, 1_000_000)


def read_log(path: Path) -> Latencies:
    """All that was logged, added up. Raises `ValueError` for a file that is no such log."""
    if path.stat().st_size > _LOG_BYTES_MAX:
        raise ValueError(f"{path} has more than {_LOG_BYTES_MAX} bytes, which is no log of latencies")
    latencies = Latencies()
    histograms = {"response": latencies.response, "service": latencies.service}
    try:
        _check(path)
        with closing(HistogramLogReader(str(path), _histogram())) as reader:
            while (histogram := reader.get_next_interval_histogram()) is not None:
                histograms[histogram.get_tag()].add(histogram)
    except Exception as error:  # The library has no exception of its own for all that can be wrong with a line.
        raise ValueError(f"{path} is no log of latencies: {error or type(error).__name__}") from error
    return latencies


def _check(path: Path) -> None:
    """No line may be blown up to more than a histogram can hold: the library would unpack it whole."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("Tag="):
            packed = base64.b64decode(line.rpartition(",")[2])[8:]
            unpacking = zlib.decompressobj()
            unpacking.decompress(packed, _HISTOGRAM_BYTES_MAX)
            if unpacking.unconsumed_tail:
                raise ValueError("a histogram is too large")
