"""The states of a definition that is known to be valid, as they are written."""

from collections.abc import Iterator, Mapping
from typing import Any

from stepwell.asl.jsontext import Json

PROCESSORS = ("ItemProcessor", "Iterator")


def states_within(owner: Mapping[str, Any], in_map: bool = False) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Every state of a level and of the levels in it: name, fields, whether it is in a Map."""
    for name, state in owner.get("States", {}).items():
        yield name, state, in_map
        yield from states_below(state, in_map)


def states_below(state: Mapping[str, Any], in_map: bool = False) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Every state of the branches or of the iterations of a state."""
    for branch in state.get("Branches", []):
        yield from states_within(branch, in_map)
    for field in PROCESSORS:
        yield from states_within(state.get(field, {}), True)


def processor_of(definition: Mapping[str, Any], map_state: str) -> Json:
    """The ItemProcessor of a Map, wherever it stands. Raises KeyError."""
    fields = {name: fields for name, fields, _ in states_within(definition)}[map_state]
    return next(fields[field] for field in PROCESSORS if field in fields)
