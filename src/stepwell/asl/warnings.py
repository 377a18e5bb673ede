"""What AWS would take in a definition although its author hardly meant it. Codes and texts are ours."""

import re
from collections.abc import Iterator, Mapping

from stepwell.asl.errors import Diagnostic
from stepwell.asl.jsontext import Json

_TEMPLATES = ("Parameters", "ResultSelector", "ItemSelector", "Assign")
_MEANT = re.compile(r"\$\$?[.\[]|States\.[A-Z]\w*\(")
"""Text that reads like a path or a call of an intrinsic function."""


def warnings(state: Mapping[str, Json], jsonata: bool, location: str) -> list[Diagnostic]:
    """JSONPath that is never evaluated, because it stands under a key without `.$` or in a Result."""
    if jsonata:
        return []
    found = [
        _warning("NO_DOLLAR", "its key does not end in '.$'", text, at)
        for field in _TEMPLATES
        for text, at in _unmarked(state.get(field), f"{location}/{field}")
    ]
    result = _unmarked(state.get("Result"), f"{location}/Result")
    return found + [_warning("PASS_RESULT_IS_STATIC", "a Result is not evaluated", text, at) for text, at in result]


def _warning(code: str, reason: str, text: str, at: str) -> Diagnostic:
    return Diagnostic(code, f"The value is taken as text, because {reason}: {text[:80]}", at, "WARNING")


def _unmarked(value: Json, at: str) -> Iterator[tuple[str, str]]:
    """Every text that looks like JSONPath but is not marked as such, with its place."""
    if isinstance(value, dict):
        for key, member in value.items():
            if not key.endswith(".$"):
                yield from _unmarked(member, f"{at}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unmarked(item, f"{at}[{index}]")
    elif isinstance(value, str) and _MEANT.match(value):
        yield value, at
