"""A closed execution that did not succeed goes on: only what is unsuccessful runs again.

AWS's rule, from its developer guide: a state that was entered and not exited runs again, with its input of then; what
was exited keeps its result. So a Task is scheduled anew, a Choice decides anew, a Parallel or inline Map keeps what its
branches or iterations have given and resumes the others, and one whose results were too large together runs whole.
Retriers count from nought, and the machine's TimeoutSeconds begins again.

No recording shows the events that follow ExecutionRedriven. Here a resumed state is not entered again, but for Fail,
which the guide says is entered again; a Wait's Seconds begin again; an iteration is not started again. The top thread
goes on from ExecutionRedriven, and a branch or an iteration from its own last event: previousEventId alone tells which
thread an event belongs to.
"""

from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine import turn as turns
from stepwell.machine.execution import RUNNING, SUCCEEDED, Execution, Frame
from stepwell.machine.turn import Turn

TOKEN_SECONDS = 15 * 60
"""How long a client token stands for the redrive that it was first used for, as AWS's API reference has it."""


def refusal(status: str, events: int, limits: str) -> str | None:
    """AWS's reason why an execution cannot go on from where it stands; None where it can.

    There must be room for ExecutionRedriven and one event more.
    """
    if status in (RUNNING, SUCCEEDED):
        return f"Execution is {status} and cannot be redriven"
    if limits == "aws" and events >= turns.EVENTS_MAX - 1:
        return "Execution history event limit exceeded"
    return None


def redriven_by(execution: Execution, client_token: str | None, at: float) -> float | None:
    """When this token redrove the execution, if that is not too long ago."""
    times = [redrive.at for redrive in execution.redrives if redrive.client_token == client_token]
    return next((time for time in times if at < time + TOKEN_SECONDS), None)


def redrive(turn: Turn, stimulus: s.RedriveRequested) -> bool:
    """The handler of RedriveRequested. A client token that is known is refused: it has had its redrive."""
    execution = turn.execution
    if redriven_by(execution, stimulus.client_token, turn.at) is not None:
        return False
    if refusal(execution.status, execution.event_id, execution.limits) is not None:
        return False
    turn.emit(
        r.ExecutionRedriven(
            type="ExecutionRedriven", at=turn.at, previous=execution.event_id,
            redrive_count=execution.redrive_count + 1, client_token=stimulus.client_token,
            resumes={frame.id: _resumed(turn, frame) for frame in execution.frames.values()},
        )
    )  # fmt: skip
    if turn.program.timeout_seconds is not None:
        turn.start_timer(0, "execution", turn.at + turn.program.timeout_seconds)
    # What resumes comes before the Maps around it, which then fill the room that is left.
    turn.ready.extend(sorted(execution.frames, key=lambda id: execution.frames[id].waiting == "branches"))
    return True


def _resumed(turn: Turn, frame: Frame) -> str:
    """What the thread waits for from now on, as Frame's `waiting` has it."""
    if frame.finished:
        return "done"
    if not frame.entered or turn.program.states[frame.state].type == "Fail":
        return ""
    return "redriven" if frame.branches is None else "branches"
