"""An engine with the real task runner and catalog, on a clock that the test moves."""

import json
from typing import Any

from enginelab import FaultyStore, ManualClock, reached, until
from journals import check_journal

from stepwell.engine.arns import STATE_MACHINE, parse_arn
from stepwell.engine.catalog import Catalog, Logging
from stepwell.engine.engine import Engine
from stepwell.engine.starts import start_request
from stepwell.machine.execution import RUNNING, Execution
from stepwell.machine.payload import EMPTY, Payload
from stepwell.tasks.runner import Outside, Tasks

ARN = "arn:aws:states:us-east-1:123456789012"
ROLE = "arn:aws:iam::123456789012:role/r"
START = "arn:aws:states:::states:startExecution"


def machine_arn(name: str) -> str:
    return f"{ARN}:stateMachine:{name}"


def execution_arn(machine: str, name: str) -> str:
    return f"{ARN}:execution:{machine}:{name}"


def activity_arn(name: str) -> str:
    return f"{ARN}:activity:{name}"


class House:
    """One server without its HTTP part. After `vanish`, `open` makes the next one on the same store."""

    def __init__(self, store: Any, functions: Any, limits: str = "aws", outside: Outside | None = None) -> None:
        self.outside = outside
        self.inner = store
        self.clock = ManualClock()
        self.functions = functions
        self.limits = limits

    async def open(self) -> None:
        self.store = FaultyStore(self.inner)
        self.catalog = Catalog(self.inner, self.clock)
        self.tasks = Tasks(self.functions, self.catalog, self.clock, self.limits, self.outside)
        self.engine = Engine(self.store, self.catalog.program, self.tasks, self.clock)  # type: ignore[arg-type]
        self.tasks.attach(self.engine)
        await self.engine.start()

    async def restart(self) -> None:
        """Kill the server, and start another one when its leases have run out."""
        self.store.cut()
        self.clock.move(31)
        await self.open()

    async def close(self) -> None:
        await self.engine.close()
        await self.tasks.close()

    async def create(self, name: str, type: str = "STANDARD", **states: Any) -> str:
        """Create a machine that starts at the first state, and the activities that it names; its ARN."""
        for state in states.values():
            if ":activity:" in state.get("Resource", ""):
                activity = state["Resource"].rpartition(":")[2]
                await self.catalog.create_activity("123456789012", "us-east-1", activity, {})
        definition = json.dumps({"StartAt": next(iter(states)), "States": states})
        machine = await self.catalog.create_state_machine(
            "123456789012", "us-east-1", name=name, definition=definition, role=ROLE, type=type, logging=Logging(),
            tracing=False, encryption=None, tags={},
        )  # fmt: skip
        return machine.arn

    async def start(self, machine: str, name: str = "e", input: Payload = EMPTY) -> str:
        """Start an execution; its ARN."""
        arn = parse_arn(machine, STATE_MACHINE)
        found, revision = await self.catalog.state_machine(arn)
        request = start_request(
            arn, found, revision, at=self.clock.now(), name=name, input=input, limits=self.limits
        )  # fmt: skip
        return (await self.engine.start_execution(request)).id

    async def started(self, id: str) -> None:
        """Wait until an execution exists."""

        async def exists() -> bool:
            return await self.inner.execution(id) is not None

        await until(exists)

    async def reached(self, id: str, type: str, times: int = 1) -> None:
        """Wait until the stored journal holds so many events of that type."""
        await reached(self.inner, id, type, times)

    async def finish(self, id: str) -> Execution:
        """Wait for the end, hold the journal to every invariant, give the final state."""

        async def over() -> bool:
            row = await self.inner.execution(id)
            return row is not None and row.status != RUNNING and not await self.inner.inbox_of(id)

        await until(over)
        return await check_journal(self.inner, id)
