"""Drives the pure machine without an engine: a virtual clock, the open tasks and timers, and every record in order.

`Run` performs commands as an engine would, but only on paper: a StartTask opens a task, a TimerFired is sent when a
test lets time pass. After each step it holds the machine to what must always be so (`_check`).
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from stepwell.asl.compile import compile_definition
from stepwell.asl.program import Program
from stepwell.machine import journal, turn
from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine.apply import apply
from stepwell.machine.commands import Command, DropTask, RenewBudget, StartTask, StartTimer, StopChild, StopTimer
from stepwell.machine.decide import Step, decide
from stepwell.machine.execution import RUNNING, Execution
from stepwell.machine.payload import Payload

BEGIN = 1_700_000_000.0
SEED = "5eed" * 8
STATE_MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:M"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:M:E"
ROLE = "arn:aws:iam::123456789012:role/R"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:F"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:A"


def machine(*states: dict[str, Any], **top: Any) -> dict[str, Any]:
    """A definition of states in a row: each has a `Name`, and goes to the next unless it says otherwise."""
    named = {}
    for index, state in enumerate(states):
        fields = {key: value for key, value in state.items() if key != "Name"}
        if not {"Next", "End"} & fields.keys() and fields["Type"] not in ("Succeed", "Fail", "Choice"):
            last = index == len(states) - 1
            fields |= {"End": True} if last else {"Next": states[index + 1]["Name"]}
        named[state["Name"]] = fields
    return {"StartAt": states[0]["Name"], "States": named, **top}


def one(type: str, **fields: Any) -> dict[str, Any]:
    """A definition of one state, named S."""
    return machine({"Name": "S", "Type": type, **fields})


def one_jsonata(type: str, **fields: Any) -> dict[str, Any]:
    return {**one(type, **fields), "QueryLanguage": "JSONata"}


def fold(records: Iterable[r.Record]) -> Execution:
    execution = Execution()
    for record in records:
        apply(execution, record)
    return execution


def snapshot(execution: Execution) -> bytes:
    """Everything that an execution's state holds, payloads by their text."""
    return journal.encode(execution).body


@contextmanager
def every_prefix() -> Iterator[list[bytes]]:
    """Gathers a snapshot after each record that is applied live; sees that nothing but `apply` changes the state."""
    snapshots: list[bytes] = []
    last: dict[int, bytes] = {}

    def watched(execution: Execution, record: r.Record) -> None:
        assert last.get(id(execution), snapshot(execution)) == snapshot(execution), "changed by something but apply"
        apply(execution, record)
        last[id(execution)] = snapshot(execution)
        snapshots.append(last[id(execution)])

    with mock.patch.object(turn, "apply", watched):
        yield snapshots


class Run:
    """One execution of a definition."""

    def __init__(self, definition: dict[str, Any] | Program, input: Any = None, **request: Any):
        self.program = definition if isinstance(definition, Program) else compile_definition(json.dumps(definition))
        self.execution = Execution()
        self.at = BEGIN
        self.records: list[r.Record] = []
        self.steps: list[Step] = []
        self.commands: list[Command] = []
        self.tasks: dict[str, StartTask] = {}
        self.timers: dict[tuple[int, str], float] = {}
        self.stopped_children: list[str] = []
        self.renewals = 0
        text = input if isinstance(input, Payload) else Payload.of_text(json.dumps({} if input is None else input))
        fields = {
            "execution": EXECUTION, "name": "E", "state_machine": STATE_MACHINE, "state_machine_name": "M",
            "revision": "1", "role": ROLE, "region": "us-east-1", "seed": SEED,
        }  # fmt: skip
        self.feed(s.StartRequested(at=self.at, input=text, **{**fields, **request}))

    # --- driving

    def feed(self, stimulus: s.Stimulus) -> Step:
        """Decide one stimulus and perform the commands on paper."""
        step = decide(self.program, self.execution, stimulus)
        self.steps.append(step)
        self.records.extend(step.records)
        for command in step.commands:
            self._perform(command)
        self._check(step)
        return step

    def _perform(self, command: Command) -> None:
        self.commands.append(command)
        match command:
            case StartTask():
                assert command.key not in self.tasks, "an attempt is started once"
                self.tasks[command.key] = command
            case DropTask():
                self.tasks.pop(command.key, None)
            case StartTimer():
                self.timers[command.frame, command.kind] = command.due_at
            case StopTimer():
                self.timers.pop((command.frame, command.kind), None)
            case StopChild():
                self.stopped_children.append(command.execution)
            case RenewBudget():
                self.renewals += 1

    def _check(self, step: Step) -> None:
        assert self.timers == self.execution.timers(), "timers as commanded are the timers of the state"
        assert step.accepted or not step.records, "what came too late writes nothing"
        assert step.records or not step.commands, "no command without a record"
        if self.execution.status != RUNNING:
            assert not self.tasks, "every StartTask has its DropTask"
            assert not self.timers

    def go(self, seconds: float = 0.0) -> float:
        """Let time pass without firing anything."""
        self.at += seconds
        return self.at

    def fire(self, kind: str | None = None) -> Step:
        """Go to the earliest timer, of that kind if one is named, and fire it."""
        due_at, frame, kind = min((due, f, k) for (f, k), due in self.timers.items() if kind in (None, k))
        self.at = max(self.at, due_at)
        return self.feed(s.TimerFired(at=self.at, frame=frame, kind=kind, due_at=due_at))

    def task(self, index: int = 0) -> StartTask:
        """An open task, in the order in which they were started."""
        return list(self.tasks.values())[index]

    def started(self, index: int = 0, **fields: Any) -> Step:
        return self._about(s.TaskStarted, self.task(index), fields)

    def succeed(self, output: Any = None, index: int = 0, **fields: Any) -> Step:
        return self._about(s.TaskSucceeded, self.task(index), {"output": Payload(output), **fields})

    def fail(self, error: str | None = "Oops", cause: str | None = "because", index: int = 0, **fields: Any) -> Step:
        return self._about(s.TaskFailed, self.task(index), {"error": error, "cause": cause, **fields})

    def about(self, type: Callable[..., s.Stimulus], task: StartTask, **fields: Any) -> Step:
        """Say something about a task, open or not."""
        return self._about(type, task, fields)

    def _about(self, type: Callable[..., s.Stimulus], task: StartTask, fields: dict[str, Any]) -> Step:
        return self.feed(type(at=self.at, frame=task.frame, attempt=task.attempt, **fields))

    def stop(self, error: str | None = None, cause: str | None = None) -> Step:
        return self.feed(s.StopRequested(at=self.at, error=error, cause=cause))

    def redrive(self, client_token: str | None = None) -> Step:
        return self.feed(s.RedriveRequested(at=self.at, client_token=client_token))

    def renew(self) -> Step:
        self.renewals -= 1
        return self.feed(s.BudgetRenewed(at=self.at))

    def run(self, steps: int = 1_000) -> "Run":
        """To the end, as far as only timers and the budget are waited for."""
        for _ in range(steps):
            if self.renewals:
                self.renew()
            elif self.timers.keys() - {(0, "execution")} and not self.tasks:
                self.fire()
            else:
                break
        return self

    # --- looking

    @property
    def status(self) -> str:
        return self.execution.status

    @property
    def output(self) -> Any:
        assert self.execution.output is not None, (self.status, self.execution.error, self.execution.cause)
        return self.execution.output.value

    @property
    def failure(self) -> tuple[str | None, str | None]:
        assert self.status in ("FAILED", "TIMED_OUT", "ABORTED"), (self.status, self.execution.output)
        return self.execution.error, self.execution.cause

    @property
    def events(self) -> list[r.Event]:
        return [record for record in self.records if isinstance(record, r.Event)]

    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def history(self) -> list[tuple[int, int, str]]:
        """(id, previousEventId, type) of every event."""
        return [(id, event.previous, event.type) for id, event in enumerate(self.events, 1)]

    def exited(self, name: str = "S") -> r.StateExited:
        """The latest exit of a state."""
        return next(e for e in reversed(self.events) if isinstance(e, r.StateExited) and e.name == name)

    def entered(self, name: str = "S") -> r.StateEntered:
        return next(e for e in reversed(self.events) if isinstance(e, r.StateEntered) and e.name == name)

    def assigned(self, name: str = "S") -> dict[str, Any]:
        return {variable: payload.value for variable, payload in self.exited(name).assigned.items()}

    def recorded(self, type: type[r.Record]) -> list[Any]:
        return [record for record in self.records if isinstance(record, type)]
