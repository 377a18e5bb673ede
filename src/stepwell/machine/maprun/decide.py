"""`decide` of a Map Run: a stimulus in, records and commands out.

Items are read a page at a time, and only when few wait, so a source of any size needs the memory of two pages. Children
run as far as MaxConcurrency allows. When too many items have failed, or somebody stops the Map Run, no more are started
and those that run are stopped; the end comes when nothing runs.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from stepwell.asl.errors import EXCEED_TOLERATED_FAILURE_THRESHOLD, StatesError, too_deep
from stepwell.asl.jsontext import Json
from stepwell.asl.program import MapState, Program
from stepwell.asl.scope import Scope
from stepwell.machine.commands import Command
from stepwell.machine.decide import Step
from stepwell.machine.distributed import CHILDREN_MAX
from stepwell.machine.execution import ABORTED, FAILED, RUNNING, SUCCEEDED
from stepwell.machine.identity import SeededDraws
from stepwell.machine.maprun import commands as c
from stepwell.machine.maprun import records as r
from stepwell.machine.maprun import stimuli as s
from stepwell.machine.maprun.batches import Batcher, take_batches
from stepwell.machine.maprun.state import Child, MapRun, apply
from stepwell.machine.payload import EMPTY, Payload
from stepwell.machine.records import Record
from stepwell.machine.stimuli import StartRequested, Stimulus, StopRequested

WAITING_FEW = 500
"""Another page is read when fewer children wait than this."""

STATE_DATA = "STATE_DATA"
"""Map.Item.Source of items that are in the state's data."""

STARTS_PER_STEP = 1_000
"""So that a Map Run with a high concurrency does not keep everybody else waiting while it starts."""


class MapTurn:
    """Collects the records and commands of one step. Records are applied as they are emitted."""

    __slots__ = ("_draws", "at", "commands", "program", "records", "run")

    def __init__(self, program: Program, run: MapRun, at: float, seed: str) -> None:
        self.program = program
        self.run = run
        self.at = max(at, run.at)
        self.records: list[Record] = []
        self.commands: list[Command] = []
        self._draws = SeededDraws(seed, run.sequence)

    def emit(self, record: Record) -> None:
        apply(self.run, record)
        self.records.append(record)

    def command(self, command: Command) -> None:
        self.commands.append(command)

    @property
    def state(self) -> MapState:
        state = self.program.states[self.run.ordered.state]
        assert isinstance(state, MapState)
        return state

    def scope(self, context: Json) -> Scope:
        """What the ItemSelector sees."""
        order = self.run.ordered
        return Scope(order.input.value, context, order.variables.value, self._draws, self.at)


def decide(program: Program, run: MapRun, stimulus: Stimulus, overtime: Callable[[], bool] = lambda: False) -> Step:
    """Advance the Map Run in place. `overtime` is never asked: a step is bounded by what one stimulus can lead to."""
    seed = stimulus.order.seed if isinstance(stimulus, s.MapRunRequested) else run.seed
    turn = MapTurn(program, run, stimulus.at, seed)
    accepted = _STIMULI[type(stimulus)](turn, stimulus)
    if accepted and run.status == RUNNING:
        _proceed(turn)
    return Step(turn.records, turn.commands, accepted)


# --- stimuli: each handler says whether the stimulus still matters


def _requested(turn: MapTurn, stimulus: s.MapRunRequested) -> bool:
    if turn.run.sequence:
        return False
    order = stimulus.order
    begun = msgspec.structs.replace(order, items=None)
    turn.emit(r.MapRunBegan(at=turn.at, execution=stimulus.execution, order=begun))
    turn.command(c.Watch())
    if order.items is not None:
        items = order.items.value
        _take(turn, s.ItemsRead(at=turn.at, page=0, items=order.items, sources=[STATE_DATA] * len(items)))
    return True


def _items_read(turn: MapTurn, stimulus: s.ItemsRead) -> bool:
    if not turn.run.reading or stimulus.page != turn.run.page or turn.run.closing:
        return False
    if stimulus.items is None:
        _close(turn, FAILED, stimulus.error, stimulus.cause)
    else:
        _take(turn, stimulus)
    return True


def _child_ended(turn: MapTurn, stimulus: s.ChildEnded) -> bool:
    if turn.run.status != RUNNING or stimulus.index not in turn.run.running:
        return False
    turn.emit(r.ChildSettled(index=stimulus.index, status=stimulus.status))
    return True


def _results_gathered(turn: MapTurn, stimulus: s.ResultsGathered) -> bool:
    run = turn.run
    if not run.gathering:
        return False
    status, output, error, cause = run.closing or SUCCEEDED, stimulus.output, run.error, run.cause
    if status == SUCCEEDED and stimulus.error is not None:
        status, error, cause = FAILED, stimulus.error, stimulus.cause
    _end(turn, status, output if status == SUCCEEDED else None, error, cause, stimulus.written)
    return True


def _update_requested(turn: MapTurn, stimulus: s.UpdateRequested) -> bool:
    if turn.run.status != RUNNING:
        return False
    turn.emit(
        r.MapRunUpdated(
            concurrency=stimulus.concurrency, tolerated_count=stimulus.tolerated_count,
            tolerated_percentage=stimulus.tolerated_percentage,
        )
    )  # fmt: skip
    return True


def _stop_requested(turn: MapTurn, stimulus: StopRequested) -> bool:
    if turn.run.status != RUNNING or turn.run.closing == ABORTED:
        return False
    _close(turn, ABORTED, stimulus.error, stimulus.cause)
    return True


def _taken_over(turn: MapTurn, stimulus: s.TakenOver) -> bool:
    """What was under way when the other process went is ordered again; all of it may be done twice without harm."""
    run = turn.run
    if run.status != RUNNING:
        return False
    turn.emit(r.MapRunResumed())
    for child in run.running.values():
        turn.command(_start(turn, child))
        if run.closing:
            _stop(turn, child)
    if run.reading:
        _read(turn)
    if run.gathering:
        turn.command(c.GatherResults(writer=run.ordered.writer, region=run.ordered.region))
    return True


def _redrive_requested(turn: MapTurn, stimulus: s.MapRunRedriveRequested) -> bool:
    if turn.run.status in (RUNNING, SUCCEEDED) or stimulus.redrives <= turn.run.redrive_count:
        return False
    turn.emit(r.MapRunReopened(at=turn.at, redrives=stimulus.redrives, failed=stimulus.failed))
    turn.command(c.Watch())
    return True


_STIMULI: dict[type[Stimulus], Callable[[MapTurn, Any], bool]] = {
    s.MapRunRequested: _requested,
    s.ItemsRead: _items_read,
    s.ChildEnded: _child_ended,
    s.ResultsGathered: _results_gathered,
    s.UpdateRequested: _update_requested,
    s.TakenOver: _taken_over,
    s.MapRunRedriveRequested: _redrive_requested,
    StopRequested: _stop_requested,
}


# --- what follows


def _proceed(turn: MapTurn) -> None:
    """Start, read, or come to the end, as the state of the Map Run has it."""
    run = turn.run
    if not run.closing and _too_many_failed(run):
        cause = "The specified tolerated failure threshold was exceeded"
        _close(turn, FAILED, EXCEED_TOLERATED_FAILURE_THRESHOLD, cause)
    if not run.closing:
        _start_children(turn)
        if not run.exhausted and not run.reading and len(run.waiting) < WAITING_FEW:
            turn.emit(r.ItemsRequested())
            _read(turn)
    over = bool(run.closing) or (run.exhausted and not run.waiting)
    if not over or run.running or run.gathering or run.status != RUNNING:
        return
    if run.closing and run.ordered.writer is None:
        _end(turn, run.closing, None, run.error, run.cause, 0)
    else:
        turn.emit(r.ResultsRequested())
        turn.command(c.GatherResults(writer=run.ordered.writer, region=run.ordered.region))


def _start_children(turn: MapTurn) -> None:
    run = turn.run
    room = min(run.concurrency or CHILDREN_MAX, CHILDREN_MAX) - len(run.running)
    count = min(room, len(run.waiting), STARTS_PER_STEP)
    if count <= 0:
        return
    starting = run.waiting[:count]
    turn.emit(r.ChildrenStarted(count=count))
    for child in starting:
        turn.command(_start(turn, child))


def _start(turn: MapTurn, child: Child) -> c.StartMapChild | c.RedriveMapChild:
    run, order = turn.run, turn.run.ordered
    request = StartRequested(
        at=turn.at, execution=run.child_arn(child.index), name=run.child_name(child.index),
        state_machine=order.state_machine, state_machine_name=order.state_machine_name, revision=order.revision,
        role=order.role, region=order.region, input=child.input or EMPTY, seed=run.child_seed(child.index),
        limits="express" if order.express and order.limits == "aws" else order.limits, parent=run.id, map_run=run.id,
        item=child.index, item_count=child.items,
    )  # fmt: skip
    if child.input is None:
        return c.RedriveMapChild(request=request, client_token=f"{run.name}/{run.redrive_count}")
    return c.StartMapChild(request=request)


def _stop(turn: MapTurn, child: Child) -> None:
    turn.command(c.StopMapChild(index=child.index, execution=turn.run.child_arn(child.index)))


def _read(turn: MapTurn) -> None:
    run, order = turn.run, turn.run.ordered
    assert order.reader is not None, "items in the state's data are all taken at once"
    turn.command(c.ReadItems(page=run.page, reader=order.reader, cursor=run.cursor, region=order.region))


def _take(turn: MapTurn, page: s.ItemsRead) -> None:
    """A page of items: select, batch, and let the children wait for room."""
    run, last = turn.run, page.cursor is None
    assert page.items is not None
    items = page.items.value
    try:
        selected = [_selected(turn, page, place, item) for place, item in enumerate(items)]
        children, rest = _batched(run, selected, last)
    except StatesError as error:
        _close(turn, FAILED, error.error, error.cause)
        return
    except RecursionError:
        _close(turn, FAILED, too_deep().error, too_deep().cause)
        return
    turn.emit(r.ItemsTaken(children=children, rest=rest, read=len(items), cursor=page.cursor))


def _batched(run: MapRun, selected: list[Payload], last: bool) -> tuple[list[r.ChildInput], list[Payload]]:
    if run.ordered.batcher is None:
        return [r.ChildInput(input, 1) for input in selected], []
    batcher = Batcher(run.ordered.batcher.value)
    batches, rest = take_batches([*run.rest, *selected], batcher, last)
    return [r.ChildInput(batcher.input_of(batch), len(batch)) for batch in batches], rest


def _selected(turn: MapTurn, page: s.ItemsRead, place: int, item: Json) -> Payload:
    """A child's input, before it is put into a batch."""
    state, selector = turn.state, turn.state.item_selector
    if selector is None:
        return Payload(item)
    context: Json = {}
    if state.reads_context:
        context = {**turn.run.ordered.context.value, "Map": {"Item": _map_item(turn.run, page, place, item)}}
    return Payload(selector(turn.scope(context)))


def _map_item(run: MapRun, page: s.ItemsRead, place: int, item: Json) -> dict[str, Json]:
    """Map.Item of the context object. Source: the developer guide's page on it."""
    described = {"Index": run.items_read + place, "Value": item, "Source": page.sources[place]}
    key = page.keys[place] if page.keys else None
    return described if key is None else {**described, "Key": key}


def _too_many_failed(run: MapRun) -> bool:
    """Either threshold decides; without any, one failed item is too many. A share is of all items, all read."""
    failed = run.failed_items()
    if not failed:
        return False
    if run.tolerated_count is None and run.tolerated_percentage is None:
        return True
    if run.tolerated_count is not None and failed > run.tolerated_count:
        return True
    if run.tolerated_percentage is None or not run.exhausted:
        return False
    return failed * 100 > run.tolerated_percentage * run.items_read


def _close(turn: MapTurn, status: str, error: str | None, cause: str | None) -> None:
    turn.emit(r.MapRunClosing(status=status, error=error, cause=cause))
    for child in turn.run.running.values():
        _stop(turn, child)


def _end(
    turn: MapTurn, status: str, output: Payload | None, error: str | None, cause: str | None, written: int
) -> None:
    turn.command(c.Unwatch())
    turn.emit(r.MapRunSettled(at=turn.at, status=status, output=output, error=error, cause=cause, written=written))
