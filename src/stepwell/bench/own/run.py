"""`stepwell bench run FOLDER`: every prototype under every fault, and what follows from it.

That is written into the folder: `decision.md` for people, `regress.yaml` for a check in CI, and the histories.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stepwell.bench.history import Op, write_rows
from stepwell.bench.own import decision, regress
from stepwell.bench.own.bed import Bed, Real, bed
from stepwell.bench.own.deliver import Deliveries
from stepwell.bench.own.drive import FAULTS, Cell, Drive, Undisturbed
from stepwell.bench.own.oracle import Reference
from stepwell.bench.own.state import (
    EVENT,
    PROTOTYPES,
    SEED,
    Prototype,
    State,
    read_json,
    read_prototypes,
    read_seed,
    read_state,
)
from stepwell.bench.own.template import Project, UnusableProject
from stepwell.bench.parts.workplace import workplace

DECISION, REGRESS, HISTORIES = "decision.md", "regress.yaml", "histories"

_CELL_SECONDS = 6.0
"""About what a cell takes, for a person who waits."""

Notify = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is run: all prototypes and faults when none is named, each point of a sweep `repeat` times.

    With `check` only what `regress.yaml` names is run, and nothing is written.
    """

    prototypes: Sequence[str] = ()
    faults: Sequence[str] = ()
    repeat: int = 1
    seed: int = 1
    real: Real = field(default_factory=Real)
    check: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """One prototype: what it does undisturbed (`ops`), and its cells with the `history` that they rest on.

    `failure` says why there are none.
    """

    name: str
    prototype: Prototype
    ops: list[Op]
    history: list[Op]
    reference: Reference | None
    cells: list[Cell]
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """All that was measured, and with `check` what a cell that was clean has come to."""

    measured: list[Measured]
    regressions: list[str]


def run(folder: Path, options: Options, notify: Notify) -> Result:
    """Measures, and writes `decision.md`, `regress.yaml` and the histories into the folder unless it is a check.

    Raises `UnusableProject`, `BackEndFailed` and what boto3 raises when a back end breaks down.
    """
    state = read_state(folder)
    expected = regress.read(folder / REGRESS) if options.check else None
    prototypes = read_prototypes(folder, list(expected.cells) if expected else list(options.prototypes))
    faults = [fault for fault in FAULTS if not options.faults or fault in options.faults]
    cells = expected.faults if expected else dict.fromkeys(prototypes, faults)
    seed = expected.seed if expected else options.seed
    say = _telling(notify, cells)
    with workplace() as work, bed(work, state, read_seed(folder / SEED), options.real) as running:
        done = []
        for number, (name, prototype) in enumerate(prototypes.items()):
            drive = _deployed(folder, name, prototype, running, seed, 1 + number * (len(FAULTS) + 1), say)
            done.append(_measured(drive, prototype, cells[name], options.repeat))
    if expected:
        return Result(done, regress.broken(expected, done))
    _write(folder, state, done, options, seed)
    return Result(done, [])


def _deployed(
    folder: Path, name: str, prototype: Prototype, running: Bed, seed: int, first_cell: int, say: Callable[[str], None]
) -> Drive:
    say(f"{name}: deploying")
    running.deploy(Project.read(folder / PROTOTYPES / name), name)
    if prototype.start not in running.names:
        raise UnusableProject(f"{name}: its prototype.yaml starts {prototype.start}, which its template does not have")
    deliveries = Deliveries(running, prototype, _event(folder), seed)
    return Drive(running, name, deliveries, random.Random(f"{seed}/{name}"), say, first_cell)


def _measured(drive: Drive, prototype: Prototype, faults: Sequence[str], repeat: int) -> Measured:
    try:
        reference = drive.calm()
    except Undisturbed as error:
        return Measured(drive.name, prototype, [], drive.history, None, [], str(error))
    cells = [drive.broken(fault, repeat) for fault in faults]
    return Measured(drive.name, prototype, drive.calm_ops, drive.history, reference, cells)


def _event(folder: Path) -> str:
    read_json(folder / EVENT)
    return (folder / EVENT).read_text("utf-8")


def _telling(notify: Notify, cells: dict[str, list[str]]) -> Callable[[str], None]:
    """Says each phase, with the seconds that those after it are expected to take."""
    left = [_CELL_SECONDS * sum(len(faults) + 2 for faults in cells.values())]

    def say(phase: str) -> None:
        notify(phase, left[0])
        left[0] = max(left[0] - _CELL_SECONDS, 1.0)

    return say


def _write(folder: Path, state: State, done: list[Measured], options: Options, seed: int) -> None:
    (folder / DECISION).write_text(decision.document(folder, state, done, options.real, seed), "utf-8")
    (folder / REGRESS).write_text(regress.text(done, seed), "utf-8")
    (folder / HISTORIES).mkdir(exist_ok=True)
    for each in done:
        write_rows(folder / HISTORIES / f"{each.name}.jsonl", each.history)
