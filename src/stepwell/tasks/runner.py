"""`Tasks`: the TaskRunner that knows who performs which resource."""

from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

from stepwell.asl.errors import RUNTIME
from stepwell.asl.jsontext import Json
from stepwell.awsmodels.errors import ServiceError
from stepwell.awsmodels.integrations import SDK
from stepwell.engine.catalog import Catalog
from stepwell.engine.clock import Clock
from stepwell.engine.engine import Engine
from stepwell.engine.versions import Versions
from stepwell.functions.service import FunctionService
from stepwell.machine.commands import StartTask, WatchJob
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import SCHEDULE, START, Stimulus, TaskFailed
from stepwell.machine.turn import EXTENDED_BYTES_MAX
from stepwell.store.protocol import ExecutionRow
from stepwell.tasks.activities import Activities
from stepwell.tasks.apigateway import ApiGatewayTasks
from stepwell.tasks.attempts import Submitted, TaskError, settle
from stepwell.tasks.bedrock import BedrockTasks
from stepwell.tasks.calls import Calls
from stepwell.tasks.connections import Connections
from stepwell.tasks.custom import CustomResources
from stepwell.tasks.distributed import DistributedMaps
from stepwell.tasks.endpoints import Endpoints, NoEndpoint
from stepwell.tasks.http import HttpTasks, Web
from stepwell.tasks.items.items import ITEM_BYTES_MAX, Items
from stepwell.tasks.items.places import PlaceError
from stepwell.tasks.jobs import Jobs
from stepwell.tasks.lambda_ import LambdaTasks
from stepwell.tasks.nested import NestedExecutions
from stepwell.tasks.optimized import SERVICES, OptimizedTasks
from stepwell.tasks.sdk import SdkTasks


class Outside:
    """All that is beyond this server: AWS's services, HTTP endpoints with their connections, resources of users."""

    def __init__(
        self,
        endpoints: Endpoints | None = None,
        connections: Connections | None = None,
        custom: CustomResources | None = None,
        items_folders: Sequence[Path] = (),
    ) -> None:
        self.endpoints = endpoints or Endpoints()
        self.connections = connections or Connections({})
        self.custom = custom or CustomResources({})
        self.items_folders = items_folders

    def s3(self, region: str) -> Any:
        """A client of S3 for the items and results of Distributed Maps. Raises `PlaceError`."""
        try:
            return self.endpoints.client("s3", region)
        except NoEndpoint as error:
            raise PlaceError(str(error)) from None


class Tasks:
    """Performs every task call. `attach` gives it the engine that it runs for, before that starts."""

    def __init__(
        self, functions: FunctionService, catalog: Catalog, clock: Clock, limits: str, outside: Outside | None = None
    ) -> None:
        outside = outside or Outside()
        self._clock = clock
        self._catalog = catalog
        self._limits = limits
        self._lambda = LambdaTasks(functions, clock, limits)
        self._nested: NestedExecutions | None = None
        self._items = Items(
            outside.s3, outside.items_folders, ITEM_BYTES_MAX if limits == "aws" else EXTENDED_BYTES_MAX
        )  # fmt: skip
        self._distributed = DistributedMaps(self._items)
        self.read_items = self._distributed.read_items
        self.gather_results = self._distributed.gather_results
        self.activities = Activities(clock)
        self._calls = Calls(outside.endpoints)
        self._sdk = SdkTasks(self._calls)
        self._optimized = OptimizedTasks(self._calls, clock)
        self._bedrock = BedrockTasks(self._calls)
        self._jobs = Jobs(self._calls, clock)
        self._web = Web()
        self._http = HttpTasks(self._web, outside.connections, clock, limits)
        self._api_gateway = ApiGatewayTasks(self._web, limits)
        self._custom = outside.custom

    def attach(self, engine: Engine) -> None:
        self.activities.attach(engine.claim_task)
        versions = Versions(engine.store, self._clock, self._catalog)
        self._nested = NestedExecutions(engine, versions, self._clock, self._limits)

    async def run(self, execution: str, command: StartTask) -> Stimulus | None:
        if command.family == "Activity":
            return await self._offer(execution, command)
        if command.family == "LambdaFunction":
            return await self._lambda.call_by_arn(execution, command)
        action = command.action.partition(".")[0]
        if (command.type, action) == ("lambda", "invoke"):
            return await self._lambda.call_invoke(execution, command)
        if (command.type, action) == ("states", "startExecution") and self._nested is not None:
            return await self._nested.start(execution, command)
        return await settle(command, self._clock, self._performed(execution, command, action))

    def _performed(self, execution: str, command: StartTask, action: str) -> Awaitable[Json | Submitted]:
        if self._custom.has(command.type, action):
            return self._custom.perform(execution, command)
        if command.type.startswith(SDK):
            return self._sdk.perform(execution, command)
        if (command.type, action) == ("http", "invoke"):
            return self._http.perform(execution, command)
        if (command.type, action) == ("apigateway", "invoke"):
            return self._api_gateway.perform(execution, command)
        if (command.type, action) == ("bedrock", "invokeModel"):
            return self._bedrock.perform(execution, command)
        if command.type in SERVICES:
            return self._optimized.perform(execution, command)
        return _unknown(command)

    async def watch(self, execution: str, command: WatchJob) -> Stimulus:
        return await self._jobs.watch(execution, command)

    async def stop_job(self, execution: str, job: Payload) -> None:
        await self._jobs.stop(execution, job)

    async def _offer(self, execution: str, command: StartTask) -> Stimulus | None:
        """Let the activity's workers have the task. No recording tells AWS's error for an activity that is gone."""
        try:
            await self._catalog.activity(command.resource)
        except ServiceError as error:
            return TaskFailed(
                at=self._clock.now(), frame=command.frame, attempt=command.attempt, error=error.code,
                cause=error.message, stage=SCHEDULE,
            )  # fmt: skip
        self.activities.offer(execution, command)
        return None

    def drop(self, execution: str, key: str) -> None:
        self.activities.drop(execution, key)

    def child_ended(self, row: ExecutionRow, input: str, output: str | None, parent_task: str) -> Stimulus:
        assert self._nested is not None, "attach() comes before start()"
        return self._nested.ended(row, input, output, parent_task)

    async def close(self) -> None:
        """Close every connection. Calls under way are abandoned; they are in the outbox still."""
        self._calls.close()
        self._items.close()
        await self._web.close()


async def _unknown(command: StartTask) -> Json:
    cause = (
        f"Stepwell cannot call '{command.resource}'. It calls Lambda functions, activities, nested executions, "
        "http:invoke, the integrations in its documentation, and resources of your own: see --resources."
    )
    raise TaskError(RUNTIME, cause, START)
