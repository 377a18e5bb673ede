"""Functions as their logs tell of them."""

import pytest
from tests.api.conftest import Api
from tests.api.console.conftest import Get, new_function, report, write_log

from stepwell.api.console.functions import durations
from stepwell.api.console.invocations import read_invocations
from stepwell.logs.database import Event

RAISED = '[ERROR] ValueError: no such order\nTraceback (most recent call last):\n  File "app.py", line 1'


@pytest.fixture
def charge(api: Api) -> Api:
    """With a function whose invocations were cold, warm, broken and cut off."""
    new_function(api, "charge")
    write_log(api, "charge", "START RequestId: a-1 Version: $LATEST", report("a-1", "Init Duration: 50.5 ms\t"))
    write_log(api, "charge", "[ERROR] only printed", "[ERROR]\t2026\ta-2\tonly logged", report("a-2", billed_ms=20))
    write_log(api, "charge", RAISED, report("a-3"))
    write_log(api, "charge", report("a-4", "Status: timeout", billed_ms=3_000))
    return api


def test_a_function_with_its_figures(charge: Api, get: Get) -> None:
    (item,) = get("functions")["functions"]
    assert (item["name"], item["memoryMb"], item["timeoutSeconds"]) == ("charge", 256, 3)
    assert (item["invocations"], item["errors"], item["coldStarts"], item["cut"]) == (4, 2, 1, False)
    assert (item["p50Ms"], item["p95Ms"], item["maxMs"]) == (99.5, 2_999.5, 2_999.5)
    assert item["maxMemoryMb"] == 40


def test_a_function_without_a_log(api: Api, get: Get) -> None:
    new_function(api, "silent")
    (item,) = get("functions", name="silent")["functions"]
    assert (item["invocations"], item["meanMs"], item["maxMemoryMb"]) == (0, None, None)


def test_only_the_time_asked_for_counts(charge: Api, get: Get) -> None:
    charge.clock.offset = 2 * 3600
    assert get("functions", hours=1)["functions"][0]["invocations"] == 0
    assert get("functions", hours=3)["functions"][0]["invocations"] == 4


def test_invocations_the_latest_first(charge: Api, get: Get) -> None:
    page = get("functions/invocations", name="charge")
    assert [(each["requestId"], each["error"]) for each in page["invocations"]] == [
        ("a-4", "Task timed out"),
        ("a-3", "ValueError: no such order"),
        ("a-2", ""),
        ("a-1", ""),
    ]
    assert [each["initMs"] for each in page["invocations"]] == [None, None, None, 50.5]
    assert page["before"] is None


def test_pages_end_where_the_next_one_begins(api: Api, get: Get) -> None:
    new_function(api, "busy")
    for batch in range(3):
        lines = (line for number in range(100) for line in (RAISED, report(f"{batch}-{number}")))
        write_log(api, "busy", *lines)
        api.clock.offset += 10
    seen, before = [], None
    while True:
        page = get("functions/invocations", name="busy", **({} if before is None else {"before": before}))
        seen += page["invocations"]
        before = page["before"]
        if before is None:
            break
    assert [each["requestId"] for each in seen] == [f"{b}-{n}" for b in (2, 1, 0) for n in reversed(range(100))]
    assert all(each["error"] for each in seen)


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("functions", {"hours": 0}, 400, "ValidationException"),
        ("functions", {"name": "none"}, 404, "ResourceNotFoundException"),
        ("functions/invocations", {"name": "../etc"}, 400, "ValidationException"),
        ("functions/invocations", {"name": "charge", "before": "1"}, 400, "ValidationException"),
        ("functions/invocations", {"name": "charge", "before": f"{'9' * 40}-1"}, 400, "ValidationException"),
        ("functions/invocations", {"name": "charge", "before": "²-1"}, 400, "ValidationException"),
    ],
)
def test_what_cannot_be_asked(charge: Api, get: Get, path: str, query: dict[str, str], status: int, code: str) -> None:
    assert get(path, status, **query) == code


def events(*messages: str) -> list[Event]:
    return [Event(id, 1_000 + id, 0, message, "s") for id, message in enumerate(messages)]


def test_a_cold_start_that_failed_at_first_is_one() -> None:
    (run,) = read_invocations(
        events("INIT_REPORT Init Duration: 9999.5 ms\tPhase: init\tStatus: timeout", report("a"))
    )  # fmt: skip
    assert run.init_ms == 9999.5


@pytest.mark.parametrize(
    "line",
    [
        "REPORT RequestId: a",
        "REPORT RequestId: a\tDuration: . ms\tBilled Duration: 1 ms\tMemory Size: 1 MB",
        f"REPORT RequestId: a\tDuration: {'9' * 400} ms\tBilled Duration: 1 ms\tMemory Size: 1 MB",
        report("a" * 100),
        "INIT_REPORT Init Duration: x",
    ],
)
def test_what_only_looks_like_a_report_is_none(line: str) -> None:
    assert read_invocations(events(line)) == []


def test_percentiles_by_nearest_rank() -> None:
    assert durations([]) == {}
    assert durations([4, 1, 3, 2]) == {"mean_ms": 2.5, "p50_ms": 2, "p95_ms": 4, "max_ms": 4}
