"""The Resource of a Task, taken apart."""

import re

from stepwell.asl.program import Resource

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


def express_objection(resource: Resource) -> str | None:
    """Why an Express state machine cannot call it, in AWS's words; None where it can."""
    if resource.family == "Activity":
        return "Express state machine does not support Activity ARN"
    if resource.pattern:
        return f"Express state machine does not support '.{resource.pattern}' service integration"
    return None
