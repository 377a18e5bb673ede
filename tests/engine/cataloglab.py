"""A catalog on a store in memory, for tests of what is deployed."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.arns import STATE_MACHINE, Arn, parse_arn
from stepwell.engine.catalog import Catalog, Logging, StateMachine
from stepwell.store.memory import MemoryStore
from stepwell.store.protocol import ExecutionRow, StepCommit

ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/steps"
PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
OTHER = json.dumps({"StartAt": "Q", "States": {"Q": {"Type": "Succeed"}}})


class FixedClock:
    def __init__(self) -> None:
        self.time = 1_000_000.0

    def now(self) -> float:
        return self.time

    def call_at(self, at: float, action: Callable[[], None]) -> Any:
        raise AssertionError("the catalog has no timers")


class CountingStore(MemoryStore):
    """A real store answers later, and lets others run before it does."""

    gets = 0

    async def get(self, kind: str, key: str) -> bytes | None:
        self.gets += 1
        await asyncio.sleep(0)
        return await super().get(kind, key)

    async def list(self, kind: str, prefix: str = "") -> list[tuple[str, bytes]]:
        found = await super().list(kind, prefix)
        await asyncio.sleep(0)
        return found


class World:
    def __init__(self) -> None:
        self.store = CountingStore()
        self.clock = FixedClock()
        self.catalog = Catalog(self.store, self.clock)

    async def create(self, name: str = "m", **changes: Any) -> StateMachine:
        settings: dict[str, Any] = {
            "definition": PASS, "role": ROLE, "type": "STANDARD", "logging": Logging(), "tracing": False,
            "encryption": None, "tags": {},
        }  # fmt: skip
        return await self.catalog.create_state_machine(ACCOUNT, REGION, name=name, **{**settings, **changes})

    async def update(self, arn: Arn, **changes: Any) -> Any:
        settings = dict.fromkeys(("definition", "role", "logging", "tracing", "encryption"))
        return await self.catalog.update_state_machine(arn, **{**settings, **changes})

    async def running(self, machine: StateMachine, status: str = "RUNNING", sequence: int = 1) -> None:
        row = ExecutionRow(
            id=machine.arn.replace("stateMachine", "execution") + ":e", name="e", state_machine=machine.arn,
            revision=machine.revision, status=status, started_at=1.0, input="{}",
        )  # fmt: skip
        step = StepCommit(
            execution=row.id,
            sequence=sequence,
            records=1,
            first_event_id=sequence,
            events=1,
            writer=b"w",
            body=b"x",
            row=row,
        )
        assert await self.store.commit([step]) == [True]


def scenario(test: Callable[[World], Awaitable[None]]) -> Callable[[], None]:
    """Run an asynchronous test with a catalog of its own."""

    def run() -> None:
        asyncio.run(test(World()))  # type: ignore[arg-type]

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def refused(work: Awaitable[object]) -> str:
    with pytest.raises(ServiceError) as caught:
        await work
    return caught.value.code


def arn_of(machine: StateMachine) -> Arn:
    return parse_arn(machine.arn, STATE_MACHINE)
