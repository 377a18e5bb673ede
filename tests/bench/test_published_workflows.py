"""The six published workflows and AWS's rule for counting, on a real endpoint."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.e2e.processes import shared_folder

from stepwell.bench.history import Op
from stepwell.bench.measures.latency_budget import Profile, latency, load_profile
from stepwell.bench.measures.transitions import INVOKE, TRANSITION, execution_ops
from stepwell.bench.parts.backends import ACCOUNT
from stepwell.bench.published.t3 import (
    PUBLISHED,
    TRIP_BOOKING,
    Row,
    WorkflowFailed,
    counted_share,
    published_share,
    run_t3,
)
from stepwell.pricing.prices import load_prices

pytestmark = pytest.mark.e2e

STOP_SECONDS = 15


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Of a `stepwell serve` with AWS's limits."""
    with shared_folder() as folder:
        command = [sys.executable, "-m", "stepwell", "serve", "--port", "0", "--store", "memory:", "--limits", "aws"]
        with subprocess.Popen(
            [*command, "--data-dir", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as server:
            assert server.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
            assert found
            yield found[0]
            server.terminate()
            server.communicate(timeout=STOP_SECONDS)


@pytest.fixture(scope="module")
def rows(url: str) -> dict[str, Row]:
    return {row.workflow: row for row in run_t3(url, load_prices())}


@pytest.mark.parametrize(
    ("workflow", "transitions", "dollars", "functions"),
    [
        ("trip-booking", 9, "0.225", 6),
        ("map-reduce", 14, "0.350", 12),
        ("ml", 6, "0.150", 5),
        ("video", 7, "0.175", 6),
        ("excamera", 21, "0.525", 18),
        ("1000genome", 26, "0.650", 21),
    ],
)
def test_a_workflow_is_billed_as_it_was_published(
    rows: dict[str, Row], workflow: str, transitions: int, dollars: str, functions: int
) -> None:
    row = rows[workflow]
    assert (row.transitions, f"{row.dollars:.3f}", row.functions) == (transitions, dollars, functions)
    assert row.reproduced


def test_another_price_is_no_reproduction(rows: dict[str, Row]) -> None:
    ml = rows["ml"]
    assert not Row(ml.workflow, ml.transitions, ml.functions, 0.151, ml.published).reproduced
    assert not Row(ml.workflow, ml.transitions + 1, ml.functions, ml.dollars, ml.published).reproduced


def test_nothing_is_left_on_the_endpoint(url: str, rows: dict[str, Row]) -> None:
    assert len(rows) == len(PUBLISHED)
    assert _client("stepfunctions", url).list_state_machines()["stateMachines"] == []
    assert _client("lambda", url).list_functions()["Functions"] == []


def test_orchestration_is_most_of_a_trip(rows: dict[str, Row]) -> None:
    published, counted = published_share(), counted_share(rows[TRIP_BOOKING], load_profile())
    assert published.share == pytest.approx(0.82 / 0.92)
    assert counted.share > 0.8
    # What a transition would have to take for the share to be so large; the default is above that.
    least = counted.milliseconds_for(0.8)
    assert least * counted.transitions == pytest.approx(4 * counted.functions_milliseconds)


def test_each_retry_is_a_transition(url: str) -> None:
    again = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1}]
    missing = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:nobody"
    task = {"Type": "Task", "Resource": missing, "Retry": again, "End": True}
    branch = {"StartAt": "Note", "States": {"Note": {"Type": "Pass", "Next": "Call"}, "Call": task}}
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "Done"}]
    both = {"Type": "Parallel", "Branches": [branch], "Retry": again, "Catch": caught, "Next": "Done"}
    definition = {"StartAt": "Both", "States": {"Both": both, "Done": {"Type": "Succeed"}}}

    # Twice through the branch: its two states and one retry of the task. Then Both, its retry, and Done.
    ops = execution_ops(_history(url, definition), "run", "r")
    assert _count(ops, TRANSITION) == 2 * (2 + 1) + 2 + 1
    assert _count(ops, INVOKE) == 2 * 2
    assert all(op.returned_at is not None for op in ops if op.call == INVOKE)


def test_what_a_redrive_lets_work_again_is_a_transition_anew() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    types = (
        "ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionFailed", "ExecutionFailed",
        "ExecutionRedriven", "LambdaFunctionScheduled", "LambdaFunctionSucceeded", "TaskStateExited",
        "WaitStateEntered", "ExecutionAborted", "ExecutionRedriven", "WaitStateExited", "ExecutionSucceeded",
    )  # fmt: skip
    events = [{"id": id, "previousEventId": id - 1, "type": type, "timestamp": at} for id, type in enumerate(types, 1)]
    ops = execution_ops(events, "run", "r")
    assert (_count(ops, TRANSITION), _count(ops, INVOKE)) == (2 * 2, 2)


def test_a_loop_and_an_empty_map_count_what_they_enter(url: str) -> None:
    def each(name: str) -> dict[str, Any]:
        return {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}

    none = {"Type": "Map", "ItemsPath": "$.none", "ItemProcessor": each("No"), "ResultPath": None, "Next": "Three"}
    three = {"Type": "Map", "ItemsPath": "$.three", "MaxConcurrency": 1, "ItemProcessor": each("One"), "End": True}
    definition = {"StartAt": "None", "States": {"None": none, "Three": three}}
    events = _history(url, definition, {"none": [], "three": [1, 2, 3]})
    assert _count(execution_ops(events, "run", "r"), TRANSITION) == 1 + 1 + 3


def test_of_branches_that_wait_at_once_one_is_on_the_critical_path(url: str) -> None:
    def branch(number: int) -> dict[str, Any]:
        states = {
            f"Wait{number}": {"Type": "Wait", "Seconds": 1, "Next": f"Note{number}"},
            f"Note{number}": {"Type": "Wait", "Seconds": 1, "End": True},
        }
        return {"StartAt": f"Wait{number}", "States": states}

    both = {"Type": "Parallel", "Branches": [branch(1), branch(2), branch(3)], "Next": "Done"}
    definition = {"StartAt": "Both", "States": {"Both": both, "Done": {"Type": "Succeed"}}}
    ops = execution_ops(_history(url, definition), "run", "r")
    [part] = latency(ops, Profile({"states": 25.0, "compute": 2.0}, frozenset())).parts
    # Both, the two states of one branch, and Done; all three branches are billed.
    assert (part.operations, _count(ops, TRANSITION)) == (4, 8)


def test_a_workflow_that_does_not_succeed_is_no_count(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLISHED, "map-reduce", type(PUBLISHED["ml"])(14, 0.35, {"parts": "none"}))
    with pytest.raises(WorkflowFailed, match="map-reduce ended as FAILED: States"):
        run_t3(url, load_prices())
    assert _client("lambda", url).list_functions()["Functions"] == []


def _count(ops: list[Op], call: str) -> int:
    return sum(op.call == call for op in ops)


def _history(url: str, definition: dict[str, Any], input: Any = None) -> list[dict[str, Any]]:
    sfn = _client("stepfunctions", url)
    machine = sfn.create_state_machine(
        name=f"count-{time.time_ns()}", definition=json.dumps(definition), roleArn=f"arn:aws:iam::{ACCOUNT}:role/bench"
    )["stateMachineArn"]
    execution = sfn.start_execution(stateMachineArn=machine, input=json.dumps(input or {}))["executionArn"]
    deadline = time.monotonic() + STOP_SECONDS
    while sfn.describe_execution(executionArn=execution)["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    events: list[dict[str, Any]] = sfn.get_execution_history(executionArn=execution)["events"]
    sfn.delete_state_machine(stateMachineArn=machine)
    return events


def _client(service: str, url: str) -> Any:
    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id=ACCOUNT, aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
