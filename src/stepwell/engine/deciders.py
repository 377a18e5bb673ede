"""The two kinds of journals that the engine runs, executions and Map Runs, each known by the same few functions."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from stepwell.machine import apply as executions
from stepwell.machine import decide as deciding
from stepwell.machine import journal
from stepwell.machine.decide import Step
from stepwell.machine.execution import Execution
from stepwell.machine.maprun import decide as map_run_deciding
from stepwell.machine.maprun import state as map_runs
from stepwell.machine.maprun.state import MapRun
from stepwell.machine.maprun.stimuli import MapRunRequested
from stepwell.machine.records import Record
from stepwell.machine.stimuli import StartRequested, Stimulus

State: TypeAlias = Execution | MapRun
"""What a journal folds to."""

BEGINNINGS = (StartRequested, MapRunRequested)
"""The stimuli that a journal begins with."""


def new(id: str) -> State:
    """The empty state of the journal with this id, which is the ARN of an execution or of a Map Run."""
    return MapRun() if _is_map_run(id) else Execution()


def decode(id: str, body: bytes, payloads: Mapping[bytes, bytes]) -> State:
    """A checkpoint of the journal with this id. Raises `MissingPayloads`."""
    return journal.decode_map_run(body, payloads) if _is_map_run(id) else journal.decode_execution(body, payloads)


def apply(state: State, record: Record) -> None:
    """Fold one record into the state."""
    if isinstance(state, MapRun):
        map_runs.apply(state, record)
    else:
        executions.apply(state, record)


def decide(program: Any, state: State, stimulus: Stimulus, overtime: Callable[[], bool]) -> Step:
    """Advance the state in place."""
    if isinstance(state, MapRun):
        return map_run_deciding.decide(program, state, stimulus, overtime)
    return deciding.decide(program, state, stimulus, overtime)


def _is_map_run(id: str) -> bool:
    return ":mapRun:" in id
