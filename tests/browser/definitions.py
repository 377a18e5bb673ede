"""State machines that the browser tests and `make console-perf` start."""

from typing import Any

ROLE = "arn:aws:iam::123456789012:role/tests"

PASS: dict[str, Any] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}

SUM: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Add",
    "States": {
        "Add": {
            "Type": "Pass",
            "Assign": {"total": "{% $states.input.a + $states.input.b %}"},
            "Output": {"doubled": "{% 2 * $states.input.a %}"},
            "Next": "Done",
        },
        "Done": {"Type": "Succeed"},
    },
}
"""A JSONata state with a variable."""

LOOP: dict[str, Any] = {
    "StartAt": "More",
    "States": {
        "More": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericGreaterThan": 0, "Next": "Count"}],
            "Default": "Done",
        },
        "Count": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, -1)"}, "Next": "More"},
        "Done": {"Type": "Succeed"},
    },
}
"""Goes round as often as its input says; each round has four events, and there are six more."""


def rounds(events: int) -> dict[str, int]:
    """The input with which `LOOP` has so many events."""
    return {"n": (events - 6) // 4}
