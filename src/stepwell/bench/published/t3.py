"""T3: transitions and cost of six workflows, as SeBS-Flow published them for AWS Step Functions.

The source is the artifact of SeBS-Flow (EuroSys 2025, doi 10.1145/3689031.3717465; spcl/sebs-flow-artifact at 7dfd498),
from which transitions, cost and latencies were computed again. It gives the totals; the machines in `workflows` are
Stepwell's own, with the phases of each application and as many iterations as the total leaves. What a function does
changes no transition, so that all of them are one function that returns its input.

What is reproduced: that an engine which follows AWS's rule enters as many states as AWS billed, and so the price. What
is not: latency. `Share` computes trip-booking's share of orchestration from counts and the reader's round trips.
"""

import io
import json
import sys
import time
import uuid
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from stepwell.bench.measures.latency_budget import COMPUTE, Profile
from stepwell.bench.measures.transitions import INVOKE, TRANSITION, Event, execution_ops
from stepwell.bench.parts.aws import client
from stepwell.bench.parts.backends import ACCOUNT
from stepwell.pricing.prices import Prices

WORKFLOWS_COUNTED = 1000
"""Published costs are for so many executions."""

TRIP_BOOKING = "trip-booking"
TRIP_SECONDS, TRIP_OVERHEAD_SECONDS = 0.92, 0.82
"""Published medians of warm executions on AWS: all of it, and what is not spent in functions."""

_REGION = "us-east-1"
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/bench"
_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.1
_PAGE = 1000
_HANDLER = "def handler(event, context):\n    return event\n"


@dataclass(frozen=True, slots=True)
class Published:
    """What SeBS-Flow has for one workflow, and the input that gives ours as many iterations."""

    transitions: int
    dollars: float
    input: dict[str, Any]


PUBLISHED = {
    TRIP_BOOKING: Published(9, 0.225, {"confirmed": False}),
    "map-reduce": Published(14, 0.35, {"parts": [*range(5)], "words": [*range(5)]}),
    "ml": Published(6, 0.15, {}),
    "video": Published(7, 0.175, {"batches": [*range(4)]}),
    "excamera": Published(21, 0.525, {"chunks": [*range(6)], "later_chunks": [*range(1, 6)]}),
    "1000genome": Published(26, 0.65, {"individuals": [*range(5)], "populations": [*range(7)]}),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One workflow: states entered here, how many of them called a function, and dollars per 1,000 executions."""

    workflow: str
    transitions: int
    functions: int
    dollars: float
    published: Published

    @property
    def reproduced(self) -> bool:
        """The count exactly, and the cost to a tenth of a cent, as it was published."""
        same_cost = round(self.dollars, 3) == self.published.dollars
        return self.transitions == self.published.transitions and same_cost


@dataclass(frozen=True, slots=True)
class Share:
    """Of a sequential workflow: what goes into orchestrating it, and what into its functions."""

    transitions: int
    orchestration_milliseconds: float
    functions_milliseconds: float

    @property
    def share(self) -> float:
        return self.orchestration_milliseconds / (self.orchestration_milliseconds + self.functions_milliseconds)

    def milliseconds_for(self, share: float) -> float:
        """What a transition must take, with the call of its function, for the share to be this one."""
        return share / (1 - share) * self.functions_milliseconds / self.transitions


class WorkflowFailed(Exception):
    """A published workflow did not end as it should on this endpoint."""


def run_t3(stepwell_url: str, prices: Prices) -> list[Row]:
    """Runs each workflow once on the endpoint, and removes what was made for that. Raises `WorkflowFailed`."""
    lambda_, sfn = (client(service, stepwell_url) for service in ("lambda", "stepfunctions"))
    with _function(lambda_) as function:
        return [_row(workflow, _execute(sfn, workflow, function), prices) for workflow in PUBLISHED]


def counted_share(trip: Row, profile: Profile) -> Share:
    """By counts and round trips alone: each function of a trip makes one call to a key-value store."""
    one = profile.milliseconds
    orchestration = trip.transitions * one["states"] + trip.functions * one["lambda"]
    return Share(trip.transitions, orchestration, trip.functions * (one["dynamodb"] + one[COMPUTE]))


def published_share() -> Share:
    """As it was measured on AWS."""
    overhead = 1000 * TRIP_OVERHEAD_SECONDS
    return Share(PUBLISHED[TRIP_BOOKING].transitions, overhead, 1000 * TRIP_SECONDS - overhead)


def definition(workflow: str, function: str) -> str:
    """The state machine in the Amazon States Language, which calls this function everywhere."""
    text = (files("stepwell.bench.published") / "workflows" / f"{workflow}.asl.json").read_text("utf-8")
    return text.replace("${Function}", function)


def _row(workflow: str, events: list[Event], prices: Prices) -> Row:
    counts = Counter(op.call for op in execution_ops(events, "published", workflow))
    dollars = counts[TRANSITION] * prices.items["states.transition"].each * WORKFLOWS_COUNTED
    return Row(workflow, counts[TRANSITION], counts[INVOKE], dollars, PUBLISHED[workflow])


def _execute(sfn: Any, workflow: str, function: str) -> list[Event]:
    """The history of one execution, from its start to its end."""
    name = f"published-{workflow}-{uuid.uuid4().hex[:8]}"
    made = sfn.create_state_machine(name=name, definition=definition(workflow, function), roleArn=_ROLE)
    machine = made["stateMachineArn"]
    try:
        input = json.dumps(PUBLISHED[workflow].input)
        execution = sfn.start_execution(stateMachineArn=machine, input=input)["executionArn"]
        _await_success(sfn, workflow, execution)
        pages = sfn.get_paginator("get_execution_history").paginate(
            executionArn=execution, includeExecutionData=False, PaginationConfig={"PageSize": _PAGE}
        )
        return [event for page in pages for event in page["events"]]
    finally:
        sfn.delete_state_machine(stateMachineArn=machine)


def _await_success(sfn: Any, workflow: str, execution: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (found := sfn.describe_execution(executionArn=execution))["status"] == "RUNNING":
        if time.monotonic() > deadline:
            raise WorkflowFailed(f"{workflow} still runs after {_PATIENCE_SECONDS:g} s: {execution}")
        time.sleep(_POLL_SECONDS)
    if found["status"] != "SUCCEEDED":
        reason = f"{found.get('error', 'no error')}: {found.get('cause', 'no cause')}"
        raise WorkflowFailed(f"{workflow} ended as {found['status']}: {reason}")


@contextmanager
def _function(lambda_: Any) -> Iterator[str]:
    """The function's ARN, as long as the function is there."""
    name = f"published-{uuid.uuid4().hex[:8]}"
    made = lambda_.create_function(
        FunctionName=name,
        Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        Role=_ROLE,
        Handler="index.handler",
        Code={"ZipFile": _archive()},
        Timeout=30,
    )
    try:
        lambda_.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        yield str(made["FunctionArn"])
    finally:
        lambda_.delete_function(FunctionName=name)


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("index.py", _HANDLER)
    return buffer.getvalue()
