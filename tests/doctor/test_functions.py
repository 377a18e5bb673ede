"""REPORT lines, as AWS and Stepwell write them, and what they tell."""

import pytest

from stepwell.doctor.findings import Finding
from stepwell.doctor.functions import Invocation, check_invocations, invocation_table, parse

ID = "9b0c1f6e-3a52-4d2c-8f0e-0f1d2c3b4a59"


@pytest.mark.parametrize(
    ("text", "billed", "init", "status"),
    [
        (f"REPORT RequestId: {ID}\tDuration: 3.15 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t"
         "Max Memory Used: 36 MB\tInit Duration: 119.21 ms\t\n", 4, 119.21, "success"),
        (f"REPORT RequestId: {ID}\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\t",
         1, None, "success"),
        (f"REPORT RequestId: {ID}\tDuration: 1000.00 ms\tBilled Duration: 1166 ms\tMemory Size: 128 MB\t"
         "Init Duration: 165.90 ms\tStatus: timeout\t", 1166, 165.9, "timeout"),
        (f"REPORT RequestId: {ID}\tDuration: 2.00 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tStatus: error\t"
         "Error Type: ValueError\nXRAY TraceId: 1-5e\t\n", 2, None, "error"),
    ],
)  # fmt: skip
def test_a_report_line(text: str, billed: float, init: float | None, status: str) -> None:
    assert parse("f", 1.0, text) == Invocation("f", ID, 1.0, billed, init, status)


@pytest.mark.parametrize(
    "text", ["", "END RequestId: x", "REPORT of the day", f"INIT_REPORT RequestId: {ID}", "REPORT "]
)
def test_what_is_no_report(text: str) -> None:
    assert parse("f", 1.0, text) is None


def runs(cold: int, warm: int) -> list[Invocation]:
    inits = [100.0 + number for number in range(cold)] + [None] * warm
    return [Invocation("f", str(number), float(number), 5.0, init, "success") for number, init in enumerate(inits)]


@pytest.mark.parametrize(("cold", "warm", "count"), [(0, 100, 0), (4, 0, 0), (5, 45, 5), (5, 46, 0), (9, 1, 9)])
def test_cold_starts_are_found_where_they_are_no_exception(cold: int, warm: int, count: int) -> None:
    assert sum(finding.count for finding in check_invocations(runs(cold, warm))) == count


def test_the_evidence_of_cold_starts_are_the_longest() -> None:
    (found,) = check_invocations(runs(9, 1))
    assert found.evidence[0] == "request 8, init 108 ms"
    assert len(found.evidence) == 5


def test_a_request_that_ran_twice_and_one_id_at_two_functions() -> None:
    """The latter is a caller that hands its own id on, and no repetition."""
    first, again = (Invocation("f", ID, at, 5.0, None, status) for at, status in ((1.0, "error"), (61.0, "success")))
    (found,) = check_invocations([again, first, *runs(0, 3)])
    assert isinstance(found, Finding)
    assert (found.what, found.count) == ("request ids that ran more than once, of 4", 1)
    assert found.evidence[0].startswith(f"request {ID}: error ")
    assert not list(check_invocations([first, Invocation("g", ID, 2.0, 5.0, None, "success")]))


def test_the_table_without_a_cold_start() -> None:
    table = invocation_table(runs(0, 2), "basis")
    assert table.rows == (("f", "2", "0", "0 %", "-", "-", "5 ms"),)
