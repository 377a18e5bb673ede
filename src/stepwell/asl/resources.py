"""The Resource of a Task, taken apart."""

import re
from collections.abc import Callable
from typing import TypeAlias

from stepwell.asl.program import Resource

Recognizes: TypeAlias = Callable[[Resource], bool]
"""Whether there is such a resource. Which there are is no matter of the language, so whoever compiles says."""

_LAMBDA = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:.+")
_ACTIVITY = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:activity:.+")
_INTEGRATION = re.compile(
    r"arn:[^:]+:states:[^:]*:[^:]*:(?P<type>[^:]+(?::[^:.]+)??):(?P<action>[^:.]+)(?:\.(?P<pattern>.+))?"
)


def parse_resource(arn: str) -> Resource | None:
    """The Resource that an ARN names, or None where it names nothing that a Task can call.

    A Lambda function or an activity by its ARN, or `arn:aws:states:::SERVICE:ACTION[.PATTERN]`, in which SERVICE is
    `aws-sdk:SERVICE` for an AWS SDK integration.
    """
    if _LAMBDA.fullmatch(arn):
        return Resource(arn=arn, family="LambdaFunction")
    if _ACTIVITY.fullmatch(arn):
        return Resource(arn=arn, family="Activity")
    found = _INTEGRATION.fullmatch(arn)
    if found is None:
        return None
    pattern = found["pattern"] or ""
    action = f"{found['action']}.{pattern}" if pattern else found["action"]
    return Resource(arn=arn, family="Task", type=found["type"], action=action, pattern=pattern)


def unrecognized(resource: Resource) -> str:
    """AWS's words for a Resource of good form that names nothing."""
    return (
        f"The resource provided {resource.arn} is not recognized. The value is not a valid resource ARN, or the "
        "resource is not available in this region."
    )


def express_objection(resource: Resource) -> str | None:
    """Why an Express state machine cannot call it, in AWS's words; None where it can."""
    if resource.family == "Activity":
        return "Express state machine does not support Activity ARN"
    if resource.pattern:
        return f"Express state machine does not support '.{resource.pattern}' service integration"
    return None
