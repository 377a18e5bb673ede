"""All of AWS's history events: each is emitted by the module that the table names, in its scenario."""

import sys
from typing import Any
from unittest import mock

import pytest

from stepwell.api.history import history_event
from stepwell.awsmodels.model import load_service
from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine.turn import Turn

from .events import EVENTS, INVOKE, NESTED, failed
from .harness import ACTIVITY, FUNCTION

SHAPES: dict[str, Any] = load_service("stepfunctions").shapes


def test_the_table_has_each_type_once():
    assert EVENTS.keys() == set(SHAPES["HistoryEventType"]["enum"])


@pytest.mark.parametrize("type", EVENTS)
def test_an_event(type: str):
    module, scenario = EVENTS[type]
    emitted: list[tuple[str, str]] = []
    emit = Turn.emit

    def watched(turn: Turn, record: r.Record) -> None:
        emitted.append((getattr(record, "type", ""), sys._getframe(1).f_globals["__name__"]))
        emit(turn, record)

    with mock.patch.object(Turn, "emit", watched):
        run = scenario()
    assert (type, module) in emitted
    for id, event in enumerate(run.events, 1):
        _check_shape(history_event(id, event, True))


def _check_shape(shown: dict[str, Any]) -> None:
    """Every member is one of AWS's, and those that AWS requires are there."""
    members = SHAPES["HistoryEvent"]["members"]
    assert shown.keys() <= members.keys()
    for name in shown.keys() - {"timestamp", "type", "id", "previousEventId"}:
        details = SHAPES[members[name]["shape"]]
        assert shown[name].keys() <= details["members"].keys()
        assert set(details.get("required", ())) <= shown[name].keys()


@pytest.mark.parametrize(
    ("resource", "stage", "types"),
    [
        (INVOKE, s.START, ["TaskScheduled", "TaskStartFailed"]),
        (NESTED, s.SUBMIT, ["TaskScheduled", "TaskStarted", "TaskSubmitFailed"]),
        (FUNCTION, s.SCHEDULE, ["LambdaFunctionScheduled", "LambdaFunctionScheduleFailed"]),
        # AWS has no event for these.
        (INVOKE, s.SCHEDULE, ["TaskScheduled", "TaskStarted", "TaskFailed"]),
        (ACTIVITY, s.SUBMIT, ["ActivityScheduled", "ActivityFailed"]),
    ],
)
def test_where_a_task_failed(resource: str, stage: str, types: list[str]):
    run = failed(resource, stage)
    assert run.types()[2:] == [*types, "ExecutionFailed"]
    assert run.failure == ("Oops", "because")
