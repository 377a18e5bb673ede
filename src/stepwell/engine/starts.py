"""How a StartRequested is made: by the API for a client, and by a Task state for a nested execution."""

import secrets
import uuid

from stepwell.engine.arns import Arn, execution_arn, express_arn
from stepwell.engine.catalog import Revision, StateMachine
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import StartRequested


def start_request(
    arn: Arn,
    machine: StateMachine,
    revision: Revision,
    *,
    at: float,
    name: str,
    input: Payload,
    limits: str,
    parent: str | None = None,
    parent_task: str | None = None,
    version: str | None = None,
    alias: str | None = None,
    trace_header: str | None = None,
    uid: str | None = None,
) -> StartRequested:
    """The request for an execution of a machine's revision, with a fresh seed. Standard or Express by its type.

    `version` and `alias` are the ARNs that it is started through. `uid` makes an Express execution's ARN; a new one
    where the caller names none.
    """
    express = machine.type == "EXPRESS"
    return StartRequested(
        at=at,
        execution=express_arn(arn, name, uid or str(uuid.uuid4())) if express else execution_arn(arn, name),
        name=name,
        state_machine=machine.arn,
        state_machine_name=machine.name,
        revision=revision.id,
        role=revision.role,
        region=arn.region,
        input=input,
        seed=secrets.token_hex(16),
        limits="express" if express and limits == "aws" else limits,
        version=version,
        alias=alias,
        parent=parent,
        parent_task=parent_task,
        trace_header=trace_header,
    )
