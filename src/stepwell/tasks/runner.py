"""`Tasks`: the TaskRunner that knows who performs which resource."""

from stepwell.engine.catalog import Catalog
from stepwell.engine.clock import Clock
from stepwell.engine.engine import Engine
from stepwell.engine.versions import Versions
from stepwell.functions.service import FunctionService
from stepwell.machine.commands import StartTask
from stepwell.machine.stimuli import Stimulus
from stepwell.store.protocol import ExecutionRow
from stepwell.tasks.activities import Activities
from stepwell.tasks.distributed import DistributedMaps
from stepwell.tasks.lambda_ import LambdaTasks
from stepwell.tasks.nested import NestedExecutions, unsupported


class Tasks:
    """Performs every task call. `attach` gives it the engine that it runs for, before that starts."""

    def __init__(self, functions: FunctionService, catalog: Catalog, clock: Clock, limits: str) -> None:
        self._clock = clock
        self._catalog = catalog
        self._limits = limits
        self._lambda = LambdaTasks(functions, clock, limits)
        self._nested: NestedExecutions | None = None
        self._distributed = DistributedMaps()
        self.read_items = self._distributed.read_items
        self.gather_results = self._distributed.gather_results
        self.activities = Activities(clock)

    def attach(self, engine: Engine) -> None:
        self.activities.attach(engine.claim_task)
        versions = Versions(engine.store, self._clock, self._catalog)
        self._nested = NestedExecutions(engine, versions, self._clock, self._limits)

    async def run(self, execution: str, command: StartTask) -> Stimulus | None:
        if command.family == "Activity":
            self.activities.offer(execution, command)
            return None
        if command.family == "LambdaFunction":
            return await self._lambda.call_by_arn(execution, command)
        action = command.action.partition(".")[0]
        if (command.type, action) == ("lambda", "invoke"):
            return await self._lambda.call_invoke(execution, command)
        if (command.type, action) == ("states", "startExecution") and self._nested is not None:
            return await self._nested.start(execution, command)
        return unsupported(command, self._clock.now())

    def drop(self, execution: str, key: str) -> None:
        self.activities.drop(execution, key)

    def child_ended(self, row: ExecutionRow, input: str, output: str | None, parent_task: str) -> Stimulus:
        assert self._nested is not None, "attach() comes before start()"
        return self._nested.ended(row, input, output, parent_task)
