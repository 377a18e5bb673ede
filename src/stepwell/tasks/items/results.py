"""What a Map Run makes of its children's results: AWS's shapes, its three transformations.

Source of the members and of the rules: the AWS Step Functions Developer Guide, "ResultWriter (Map)". Of a child that
did not succeed every transformation gives all there is to say, as NONE does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stepwell.asl.jsontext import Json, decode
from stepwell.asl.timestamps import format_timestamp

NONE, COMPACT, FLATTEN = "NONE", "COMPACT", "FLATTEN"

SUCCEEDED, FAILED, PENDING = "SUCCEEDED", "FAILED", "PENDING"
GROUPS = (FAILED, PENDING, SUCCEEDED)
"""The kinds of files that a ResultWriter makes, in the order of its manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildResult:
    """One child of a Map Run as it ended, or as it would have been started. Input and output are JSON texts.

    `status` is that of the execution; PENDING for one that was never started.
    """

    execution_arn: str
    name: str
    state_machine_arn: str
    status: str
    input: str
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    started_at: float | None = None
    stopped_at: float | None = None
    redrive_count: int = 0
    redrive_status: str | None = None
    redrive_status_reason: str | None = None
    redriven_at: float | None = None

    @property
    def group(self) -> str:
        """The kind of file it belongs to: what timed out or was aborted is with what failed."""
        return self.status if self.status in (SUCCEEDED, PENDING) else FAILED


def described(result: ChildResult) -> dict[str, Json]:
    """All of it, in AWS's members, sorted; what there is nothing to say about is left out."""
    members = {
        "Cause": result.cause,
        "Error": result.error,
        "ExecutionArn": result.execution_arn,
        "Input": result.input,
        "InputDetails": {"Included": True},
        "Name": result.name,
        "Output": result.output,
        "OutputDetails": {"Included": True} if result.output is not None else None,
        "RedriveCount": result.redrive_count,
        "RedriveDate": _date(result.redriven_at),
        "RedriveStatus": result.redrive_status,
        "RedriveStatusReason": result.redrive_status_reason,
        "StartDate": _date(result.started_at),
        "StateMachineArn": result.state_machine_arn,
        "Status": result.status,
        "StopDate": _date(result.stopped_at),
    }
    return {name: value for name, value in members.items() if value is not None}


def _date(epoch_seconds: float | None) -> str | None:
    return None if epoch_seconds is None else format_timestamp(epoch_seconds)


def transform(results: Iterable[ChildResult], transformation: str = COMPACT) -> Iterator[Json]:
    """The elements that the results become; joined in a list they are the output of a Map without an export."""
    for result in results:
        if transformation == NONE or result.output is None or result.group != SUCCEEDED:
            yield described(result)
            continue
        output = decode(result.output)
        if transformation == FLATTEN and isinstance(output, list):
            yield from output
        else:
            yield output
