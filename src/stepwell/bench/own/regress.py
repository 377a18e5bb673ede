"""`regress.yaml`: the cells that were clean, for a check in CI that they still are."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from stepwell.bench.catalog import DUPLICATED, LOST, STUCK
from stepwell.bench.own.drive import FAULTS
from stepwell.bench.own.template import UnusableProject
from stepwell.pricing.settings import UnusableSettings, read_settings

if TYPE_CHECKING:
    from stepwell.bench.own.run import Measured

_Measures = dict[str, Annotated[int, msgspec.Meta(ge=0)]]

_HEAD = """\
# What held when this was written: at most so many anomalies, by prototype, fault and measure. What was broken then is
# not here. Check it, which exits with 1 when it does not hold any more: stepwell bench run THIS_FOLDER --check"""


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cells that are held to what they were."""

    seed: Annotated[int, msgspec.Meta(ge=0)]
    cells: dict[str, dict[str, _Measures]]

    @property
    def faults(self) -> dict[str, list[str]]:
        """Those to run, by prototype."""
        return {name: [fault for fault in FAULTS if fault in faults] for name, faults in self.cells.items()}


def read(path: Path) -> Expected:
    """Raises `UnusableProject`."""
    try:
        expected = read_settings(path, Expected)
    except UnusableSettings as error:
        raise UnusableProject(f"{error}; `stepwell bench run` writes it") from None
    for name, faults in expected.cells.items():
        for fault, measures in faults.items():
            if fault not in FAULTS or measures.keys() - {DUPLICATED, LOST, STUCK}:
                raise UnusableProject(f"{path}: {name}/{fault}: unknown; faults are {', '.join(FAULTS)}")
    if not expected.cells:
        raise UnusableProject(f"{path} has no cells: nothing held that could break")
    return expected


def text(done: Sequence["Measured"], seed: int) -> str:
    """Of the cells in which nothing was found."""
    lines = [_HEAD, f"seed: {seed}"]
    cells = []
    for each in done:
        clean = {cell.fault: cell.verdicts for cell in each.cells if not cell.invalid and not cell.found}
        if clean:
            cells.append(f"  {each.name}:")
            cells += [
                f"    {fault}: {{{', '.join(f'{name}: 0' for name in verdicts)}}}" for fault, verdicts in clean.items()
            ]
    return "\n".join([*lines, "cells:" if cells else "cells: {}", *cells]) + "\n"


def broken(expected: Expected, done: Sequence["Measured"]) -> list[str]:
    """What does not hold any more, or could not be seen: a cell that says nothing has not passed."""
    said = []
    for each in done:
        if each.failure:
            said.append(each.failure)
        for cell in each.cells:
            for name, most in expected.cells[each.name][cell.fault].items():
                found = cell.verdicts[name]
                if found.invalid:
                    said.append(f"{each.name}, {cell.fault}: {name} says nothing: {found.invalid}")
                elif found.count > most:
                    shown = f": {found.witnesses[0].text}" if found.witnesses else ""
                    said.append(f"{each.name}, {cell.fault}: {name} {found.count} of {found.exposed}{shown}")
    return said
