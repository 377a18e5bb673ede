"""`stepwell test-state`: what one state of a definition does, without an endpoint."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from stepwell.api.identity import Identity
from stepwell.api.test_state import run_state
from stepwell.awsmodels.errors import ServiceError
from stepwell.commands.validating import machines
from stepwell.engine.clock import SystemClock
from stepwell.functions.names import DEFAULT_ACCOUNT, DEFAULT_REGION
from stepwell.machine.commands import StartTask
from stepwell.machine.stimuli import Stimulus
from stepwell.project.plan import ProjectError

_ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT}:role/test-state"


def try_state(file: Path, parameters: Mapping[str, str], state: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The reply of TestState with what is JSON in it read. `given` are further members of the request."""
    request = {
        "definition": _definition(file, parameters), "stateName": state, "inspectionLevel": "TRACE", "roleArn": _ROLE,
        **given,
    }  # fmt: skip
    who = Identity(DEFAULT_ACCOUNT, DEFAULT_REGION)
    try:
        reply = asyncio.run(run_state(request, who, SystemClock(), _not_here))
    except ServiceError as error:
        raise click.ClickException(error.message) from error
    inspected = {name: _read(name, value) for name, value in reply["inspectionData"].items()}
    return {**{name: _read(name, value) for name, value in reply.items()}, "inspectionData": inspected}


def _definition(file: Path, parameters: Mapping[str, str]) -> str:
    found = machines(file, parameters)
    if len(found) != 1:
        names = ", ".join(name for name, _, _, _ in found) or "none"
        raise ProjectError(f"name a file with one state machine; here are: {names}", file)
    return found[0][1]


async def _not_here(execution: str, command: StartTask) -> Stimulus | None:
    raise click.UsageError("A Task is not called here: give its result with --mock, or its failure with --error")


def _read(name: str, value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and _is_json(name) else value


def _is_json(name: str) -> bool:
    return name in ("input", "output", "result", "variables") or name.startswith("after")
