"""What must hold whatever the definition and whatever happens in whatever order."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from hypothesis import given, note, seed, settings
from hypothesis import strategies as st

from stepwell.machine import journal, redrive, turn
from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine.apply import apply
from stepwell.machine.commands import DropTask, StartTask, StartTimer, StopTimer
from stepwell.machine.decide import Step, decide
from stepwell.machine.execution import RUNNING, Execution
from stepwell.machine.payload import Payload

from .generated import INPUTS, definitions, happenings
from .harness import Run, every_prefix, fold, snapshot

SEED = int(os.environ.get("STEPWELL_SEED") or 0)
EXAMPLES = int(os.environ.get("STEPWELL_EXAMPLES") or 1_200)

quotas = st.sampled_from([(1_000, 25_000), (2, 25_000), (4, 25_000), (1, 40), (1_000, 12)])
"""Transitions per step, and events per execution: small ones make rare turns common."""


@contextmanager
def quota(transitions: int, events: int) -> Iterator[None]:
    with mock.patch.multiple(turn, TRANSITIONS_PER_STEP=transitions, EVENTS_MAX=events):
        yield


class World:
    """Lets things happen to a run: what may come next, and also what should not have come."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.sent: list[s.Stimulus] = []
        self.settled: list[s.Stimulus] = []

    def happen(self, number: int) -> None:
        """One thing, chosen by the number."""
        choices = [self._late, self._stop] if number % 17 == 0 else []
        choices += [self._redrive] if self.run.status != RUNNING else []
        choices += [self._settle, self._fail, self._begin, self._submit, self._beat] if self.run.tasks else []
        choices += [self._settle_submitted] if self._submitted() else []
        choices += [self._fire] * 2 if self.run.timers else []
        choices += [self._late] if self.sent else []
        choices += [self._renew] * 3 if self.run.renewals else []
        if choices:
            choices[number % len(choices)](random.Random(number))

    def finish(self) -> None:
        """Bring the execution to its end, with every task that is left succeeding."""
        for _ in range(3_000):
            if self.run.status != RUNNING:
                return
            if self.run.renewals:
                self.run.renew()
            elif self.run.tasks:
                self._settle(random.Random(0))
            elif self._submitted():
                self._settle_submitted(random.Random(0))
            else:
                self._fire(random.Random(0))
        raise AssertionError(("the execution does not end", self.run.history()[-5:]))

    def _send(self, stimulus: s.Stimulus) -> Step:
        self.sent.append(stimulus)
        step = self.run.feed(stimulus)
        if step.accepted and isinstance(stimulus, s.TaskSucceeded | s.TaskFailed):
            self.settled.append(stimulus)
        return step

    def _about(self, chance: random.Random) -> dict[str, Any]:
        task = chance.choice(list(self.run.tasks.values()))
        return {"at": self.run.go(chance.choice([0.0, 0.5])), "frame": task.frame, "attempt": task.attempt}

    def _settle(self, chance: random.Random) -> None:
        output = Payload(chance.choice([{"n": 1}, 1, None, [1, 2], {"items": [1]}]))
        assert self._send(s.TaskSucceeded(**self._about(chance), output=output)).accepted

    def _fail(self, chance: random.Random) -> None:
        error = chance.choice(["Oops", "Other", None, "States.Timeout", "States.Runtime"])
        assert self._send(s.TaskFailed(**self._about(chance), error=error, cause="c")).accepted

    def _begin(self, chance: random.Random) -> None:
        self._send(s.TaskStarted(**self._about(chance), worker_name="w"))

    def _submit(self, chance: random.Random) -> None:
        self._send(s.TaskSubmitted(**self._about(chance), output=Payload({}), child="arn:child"))

    def _beat(self, chance: random.Random) -> None:
        assert self._send(s.TaskHeartbeat(**self._about(chance))).accepted

    def _submitted(self) -> list[tuple[int, int]]:
        """Attempts that nobody has to start any longer, but that are not settled."""
        open_ = [(frame.id, frame.task.attempt) for frame in self.run.execution.frames.values() if frame.task]
        return [(frame, attempt) for frame, attempt in open_ if f"task/{frame}/{attempt}" not in self.run.tasks]

    def _settle_submitted(self, chance: random.Random) -> None:
        frame, attempt = chance.choice(self._submitted())
        about = {"at": self.run.at, "frame": frame, "attempt": attempt}
        if chance.random() < 0.3:
            assert self._send(s.TaskFailed(**about, error="Oops")).accepted
        else:
            assert self._send(s.TaskSucceeded(**about, output=Payload({"n": 2}))).accepted

    def _fire(self, chance: random.Random) -> None:
        (frame, kind), due_at = min(self.run.timers.items(), key=lambda timer: timer[1])
        self.run.at = max(self.run.at, due_at)
        assert self._send(s.TimerFired(at=self.run.at, frame=frame, kind=kind, due_at=due_at)).accepted

    def _late(self, chance: random.Random) -> None:
        """Something comes a second time. What settled a task or fired a timer is refused."""
        if not self.sent:
            return
        stimulus = chance.choice(self.sent)
        timer = isinstance(stimulus, s.TimerFired) and (stimulus.frame, stimulus.kind) not in self.run.timers
        refused = stimulus in self.settled or timer
        assert not (self.run.feed(stimulus).accepted and refused), "settled once"

    def _renew(self, chance: random.Random) -> None:
        self.run.renew()

    def _redrive(self, chance: random.Random) -> None:
        """Sometimes twice with one token, which is one redrive."""
        can = redrive.refusal(self.run.status, self.run.execution.event_id, self.run.execution.limits) is None
        token = chance.choice([None, f"token {len(self.sent)}"])
        stimulus = s.RedriveRequested(at=self.run.go(chance.choice([0.0, 100.0])), client_token=token)
        assert self._send(stimulus).accepted == can
        if token is not None:
            assert not self.run.feed(stimulus).accepted

    def _stop(self, chance: random.Random) -> None:
        running = self.run.status == RUNNING
        assert self._send(s.StopRequested(at=self.run.at, error="Stop", cause=None)).accepted == running


class Twin(Run):
    """Decides every stimulus a second time, on what its journal folds to, and compares to the byte."""

    def feed(self, stimulus: s.Stimulus) -> Step:
        twin = fold(reread(self.records))
        assert snapshot(twin) == snapshot(self.execution)
        again = decide(self.program, twin, stimulus)
        step = super().feed(stimulus)
        assert journal.encode(again.records) == journal.encode(step.records)
        assert [journal.encode(c) for c in again.commands] == [journal.encode(c) for c in step.commands]
        assert snapshot(twin) == snapshot(self.execution)
        return step


def reread(records: list[r.Record]) -> list[r.Record]:
    """As they come back from a store."""
    encoded = journal.encode(records)
    return journal.decode_records([encoded.body], encoded.payloads) if records else []


@seed(SEED)
@settings(max_examples=EXAMPLES)
@given(definitions(), st.sampled_from(INPUTS), happenings, quotas, st.sampled_from(["aws", "extended"]))
def test_whatever_happens(
    definition: dict[str, Any], input: Any, numbers: list[int], quotas: tuple[int, int], limits: str
) -> None:
    note(f"STEPWELL_SEED={SEED}")
    with every_prefix() as snapshots, quota(*quotas):
        run = Run(definition, input, limits=limits)
        world = World(run)
        for number in numbers:
            world.happen(number)
        world.finish()
    check_prefixes(run, snapshots)
    check_events(run)
    check_commands(run)
    check_draws(run)
    for stimulus in world.sent:
        redrives = isinstance(stimulus, s.RedriveRequested)
        assert redrives or not run.feed(stimulus).accepted, "nothing else reaches an execution that has ended"


@seed(SEED)
@settings(max_examples=EXAMPLES // 4)
@given(definitions(), st.sampled_from(INPUTS), happenings, quotas)
def test_a_fold_decides_as_the_live_state_does(
    definition: dict[str, Any], input: Any, numbers: list[int], quotas: tuple[int, int]
) -> None:
    note(f"STEPWELL_SEED={SEED}")
    with quota(*quotas):
        run = Twin(definition, input)
        world = World(run)
        for number in numbers:
            world.happen(number)
        world.finish()


def check_prefixes(run: Run, snapshots: list[bytes]) -> None:
    """fold(records) == live state, at every prefix, after a round trip through the journal's encoding."""
    execution, records = Execution(), reread(run.records)
    known: set[bytes] = set()
    ends: dict[int, Payload] = {}
    assert len(records) == len(snapshots)
    for index, record in enumerate(records):
        check_results(execution, record, ends)
        apply(execution, record)
        assert snapshot(execution) == snapshots[index], (index, record)
        check_frames(execution)
        known |= journal.encode([record]).payloads.keys()
        encoded = journal.encode(execution)
        assert encoded.payloads.keys() <= known, "a checkpoint refers only to payloads that its records stored"
        assert snapshot(journal.decode_execution(encoded.body, encoded.payloads)) == encoded.body


def check_frames(execution: Execution) -> None:
    """Threads hang together: each below a fork, no more at once than a Map allows, none at work below a cut one."""
    running: Counter[int] = Counter()
    for frame in execution.frames.values():
        if frame.parent == 0:
            continue
        parent = execution.frames[frame.parent]
        assert parent.branches is not None, "a thread without a fork above it"
        assert frame.index < len(parent.branches.results)
        if frame.waiting != "closed":
            running[parent.id] += 1
        if parent.waiting == "closed":
            assert frame.task is None and not frame.timers, "something works below a thread that was cut"
    for id, count in running.items():
        concurrency = execution.frames[id].branches.concurrency
        assert not concurrency or count <= concurrency


def check_results(execution: Execution, record: r.Record, ends: dict[int, Payload]) -> None:
    """The results of a Parallel or Map are its branches' last outputs in definition order."""
    if isinstance(record, r.StateExited) and record.next is None:
        ends[record.frame] = record.output
    if isinstance(record, r.ParallelStarted):
        ends |= {-record.frame: Payload([record.first_frame + i for i in range(len(record.branches))])}
    if isinstance(record, r.MapStarted):
        ends[-record.frame] = Payload([None] * record.length)
    if isinstance(record, r.IterationStarted):
        children = list(ends[-record.frame].value)
        children[record.index] = record.child
        ends[-record.frame] = Payload(children)
    if isinstance(record, r.BranchesEnded) and record.type.endswith("Succeeded"):
        branches = execution.frames[record.frame].branches
        assert branches is not None
        assert branches.results == [ends[child] for child in ends[-record.frame].value]


def check_events(run: Run) -> None:
    events = run.events
    assert run.execution.event_id == len(events)
    assert run.execution.sequence == len(run.records)
    for id, event in enumerate(events, 1):
        assert 0 <= event.previous < id
    ends = [id for id, event in enumerate(events, 1) if isinstance(event, r.ExecutionEnded)]
    redrives = [id for id, event in enumerate(events, 1) if isinstance(event, r.ExecutionRedriven)]
    assert [id + 1 for id in ends] == [*redrives, len(events) + 1], "one end of each run, and nothing after the last"
    assert isinstance(run.records[-1], r.ExecutionEnded)
    assert [event.at for event in events] == sorted(event.at for event in events)
    settled = [event.previous for event in events if isinstance(event, r.TaskEnded)]
    assert len(settled) == len(set(settled)), "one end for each attempt"


def check_commands(run: Run) -> None:
    """Commands speak of attempts and timers that there are."""
    attempts: set[tuple[int, int]] = set()
    timers: set[tuple[int, str]] = set()
    for step in run.steps:
        scheduled = {(e.frame, e.attempt) for e in step.records if isinstance(e, r.TaskScheduled)}
        assert scheduled == {(c.frame, c.attempt) for c in step.commands if isinstance(c, StartTask)}
        attempts |= scheduled
        for command in step.commands:
            match command:
                case DropTask():
                    assert (command.frame, command.attempt) in attempts
                case StartTimer():
                    timers.add((command.frame, command.kind))
                case StopTimer():
                    assert (command.frame, command.kind) in timers
    tokens = [c.task_token for c in run.commands if isinstance(c, StartTask) and c.task_token is not None]
    keys = [c.idempotency_key for c in run.commands if isinstance(c, StartTask)]
    assert len(tokens) == len(set(tokens)) and len(keys) == len(set(keys))


def check_draws(run: Run) -> None:
    """No random value comes twice."""
    drawn = [
        payload.text
        for event in run.recorded(r.StateExited)
        for name, payload in event.assigned.items()
        if name.startswith("uuid")
    ]
    assert len(drawn) == len(set(drawn))
