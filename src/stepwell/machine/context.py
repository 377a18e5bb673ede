"""The context object: `$$` in JSONPath, `$states.context` in JSONata."""

from typing import Any

from stepwell.asl.program import MapState, ParallelState, State, TaskState
from stepwell.asl.timestamps import format_timestamp
from stepwell.machine.execution import Execution, Frame
from stepwell.machine.identity import task_token


def build_context(execution: Execution, frame: Frame, state: State, attempt: int | None = None) -> dict[str, Any]:
    """The context object that the state's expressions see. Task.Token is there only where a token is waited for.

    It is that of the frame's latest attempt, unless `attempt` names one that is still to be scheduled.
    """
    context: dict[str, Any] = {
        "Execution": {
            "Id": execution.id,
            "Input": execution.input.value,
            "StartTime": format_timestamp(execution.started_at),
            "Name": execution.name,
            "RoleArn": execution.role,
            "RedriveCount": execution.redrive_count,
        },
        "StateMachine": {"Id": execution.state_machine, "Name": execution.state_machine_name},
        "State": {"Name": state.name, "EnteredTime": format_timestamp(frame.entered_at)},
    }
    if execution.redriven_at is not None:
        context["Execution"]["RedriveTime"] = format_timestamp(execution.redriven_at)
    if isinstance(state, TaskState | ParallelState | MapState):  # the types that can have a Retry
        context["State"]["RetryCount"] = frame.retry_count
    if isinstance(state, TaskState) and state.resource.waits_for_token:
        token = task_token(execution.id, execution.seed, frame.id, attempt or frame.attempt)
        context["Task"] = {"Token": token}
    item = _map_item(execution, frame)
    if item is not None:
        context["Map"] = {"Item": item}
    return context


def _map_item(execution: Execution, frame: Frame) -> dict[str, Any] | None:
    """The item of the nearest Map around the frame."""
    at: Frame | None = frame
    while at is not None:
        parent = execution.frames.get(at.parent)
        if parent is not None and parent.branches is not None and parent.branches.items is not None:
            return map_item(at.index, parent.branches.items.value[at.index])
        at = parent
    return None


def map_item(index: int, value: Any) -> dict[str, Any]:
    return {"Index": index, "Value": value}


def item_context(execution: Execution, frame: Frame, state: MapState, index: int, value: Any) -> dict[str, Any]:
    """What an ItemSelector sees: the Map state's context, and one item."""
    return {**build_context(execution, frame, state), "Map": {"Item": map_item(index, value)}}
