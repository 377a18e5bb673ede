"""The journal's events as AWS's HistoryEvents.

A record carries more than AWS shows; what is left out here is kept in the journal. The `truncated` members are always
false in an API reply: AWS cuts data only in logs.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from stepwell.api.service import timestamp
from stepwell.machine import records as r
from stepwell.machine.payload import Payload

Details: TypeAlias = dict[str, Any]

_WHOLE = {"truncated": False}

_UNDETAILED = frozenset({"LambdaFunctionStarted", "MapRunSucceeded", "MapRunAborted"})


def history_event(id: int, event: r.Event, include_data: bool) -> dict[str, Any]:
    """AWS's HistoryEvent of a record. `include_data` is GetExecutionHistory's includeExecutionData."""
    rendered: dict[str, Any] = {
        "timestamp": timestamp(event.at),
        "type": event.type,
        "id": id,
        "previousEventId": event.previous,
    }
    details = _DETAILS.get(type(event))
    if details is not None and event.type not in _UNDETAILED:
        key, describe = details
        name = key or f"{event.type[0].lower()}{event.type[1:]}EventDetails"
        rendered[name] = describe(event, include_data)
    return rendered


def _data(name: str, payload: Payload | None, include_data: bool) -> Details:
    if payload is None or not include_data:
        return {}
    return {name: payload.text, f"{name}Details": _WHOLE}


def _present(**members: Any) -> Details:
    """The members that there are: AWS leaves out what an event does not have."""
    return {name: value for name, value in members.items() if value is not None}


def _execution_started(event: r.ExecutionStarted, include_data: bool) -> Details:
    names = _present(stateMachineVersionArn=event.version, stateMachineAliasArn=event.alias)
    return {**_data("input", event.input, include_data), "roleArn": event.role, **names}


def _execution_ended(event: r.ExecutionEnded, include_data: bool) -> Details:
    return {**_data("output", event.output, include_data), **_present(error=event.error, cause=event.cause)}


def _execution_redriven(event: r.ExecutionRedriven, include_data: bool) -> Details:
    return {"redriveCount": event.redrive_count}


def _state_entered(event: r.StateEntered, include_data: bool) -> Details:
    return {"name": event.name, **_data("input", event.input, include_data)}


def _state_exited(event: r.StateExited, include_data: bool) -> Details:
    details = {"name": event.name, **_data("output", event.output, include_data)}
    if event.assigned and include_data:
        details["assignedVariables"] = {name: value.text for name, value in event.assigned.items()}
        details["assignedVariablesDetails"] = _WHOLE
    return details


def _evaluation_failed(event: r.EvaluationFailed, include_data: bool) -> Details:
    return _present(error=event.error, cause=event.cause, location=event.location, state=event.state)


def _task_scheduled(event: r.TaskScheduled, include_data: bool) -> Details:
    details = _present(
        resource=event.resource,
        resourceType=event.resource_type,
        region=event.region,
        timeoutInSeconds=event.timeout_seconds,
        heartbeatInSeconds=event.heartbeat_seconds,
        taskCredentials=None if event.credentials is None else {"roleArn": event.credentials},
    )
    if event.type == "TaskScheduled":
        # A required member of the model, so there even without execution data.
        return {**details, "parameters": event.input.text}
    return {**details, **_data("input", event.input, include_data)}


def _task_begun(event: r.TaskBegun, include_data: bool) -> Details:
    return _present(resource=event.resource, resourceType=event.resource_type, workerName=event.worker_name)


def _task_submitted(event: r.TaskSubmitted, include_data: bool) -> Details:
    details = _data("output", event.output, include_data)
    return {"resource": event.resource, "resourceType": event.resource_type, **details}


def _task_ended(event: r.TaskEnded, include_data: bool) -> Details:
    details = _present(
        resource=event.resource, resourceType=event.resource_type, error=event.error, cause=event.cause
    )  # fmt: skip
    return {**details, **_data("output", event.output, include_data)}


def _map_started(event: r.MapStarted, include_data: bool) -> Details:
    return {"length": event.length}


def _map_run_started(event: r.MapRunStarted, include_data: bool) -> Details:
    return {"mapRunArn": event.map_run}


def _map_run_redriven(event: r.MapRunRedriven, include_data: bool) -> Details:
    return {"mapRunArn": event.map_run, "redriveCount": event.redrive_count}


def _map_run_ended(event: r.MapRunEnded, include_data: bool) -> Details:
    return _present(error=event.error, cause=event.cause)


def _iteration(event: r.IterationStarted | r.IterationEnded, include_data: bool) -> Details:
    return {"name": event.name, "index": event.index}


_DETAILS: dict[type[r.Event], tuple[str, Callable[[Any, bool], Details]]] = {
    r.ExecutionStarted: ("", _execution_started),
    r.ExecutionEnded: ("", _execution_ended),
    r.ExecutionRedriven: ("", _execution_redriven),
    r.StateEntered: ("stateEnteredEventDetails", _state_entered),
    r.StateExited: ("stateExitedEventDetails", _state_exited),
    r.EvaluationFailed: ("", _evaluation_failed),
    r.TaskScheduled: ("", _task_scheduled),
    r.TaskBegun: ("", _task_begun),
    r.TaskSubmitted: ("", _task_submitted),
    r.TaskEnded: ("", _task_ended),
    r.MapStarted: ("", _map_started),
    r.MapRunStarted: ("", _map_run_started),
    r.MapRunRedriven: ("", _map_run_redriven),
    r.MapRunEnded: ("", _map_run_ended),
    r.IterationStarted: ("", _iteration),
    r.IterationEnded: ("", _iteration),
}
"""The member that holds the details ("": named after the event's type), and what fills it. Others have no details."""
