"""What the engine's tests work in: a clock that they move, tasks that are functions of the test, a store that fails."""

import asyncio
import heapq
import json
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import count
from typing import Any

from journals import check_journal, events_of

from stepwell.asl.compile import compile_definition
from stepwell.engine.engine import Engine, no_probe
from stepwell.engine.tasks import EndedChild, Gathered, ItemsPage
from stepwell.machine.commands import StartTask
from stepwell.machine.execution import RUNNING, Execution
from stepwell.machine.payload import EMPTY, Payload
from stepwell.machine.stimuli import StartRequested, Stimulus, TaskFailed, TaskSucceeded
from stepwell.store.protocol import ExecutionRow, StoreError

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
PATIENCE_SECONDS = 60.0
PAGE = 700


def function(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:123456789012:function:{name}"


def task(name: str, **fields: Any) -> dict[str, Any]:
    """A Task state that calls a function, and ends unless it has a Next."""
    end = {} if "Next" in fields else {"End": True}
    return {"Type": "Task", "Resource": function(name), **end, **fields}


def flow(**states: Any) -> str:
    """A definition that starts at the first of the states."""
    return json.dumps({"StartAt": next(iter(states)), "States": states})


class ManualClock:
    """A clock that stands until a test moves it."""

    class _Handle:
        def __init__(self, at: float, action: Callable[[], None]) -> None:
            self.at = at
            self.action: Callable[[], None] | None = action

        def cancel(self) -> None:
            self.action = None

        def __call__(self) -> None:
            if self.action is not None:
                self.action()

    def __init__(self, at: float = 1_700_000_000.0) -> None:
        self.at = at
        self._order = count()
        self._waiting: list[tuple[float, int, ManualClock._Handle]] = []

    def now(self) -> float:
        return self.at

    def call_at(self, at: float, action: Callable[[], None]) -> "ManualClock._Handle":
        handle = self._Handle(at, action)
        if at <= self.at:
            asyncio.get_running_loop().call_soon(handle)
        else:
            heapq.heappush(self._waiting, (at, next(self._order), handle))
        return handle

    def move(self, seconds: float) -> None:
        """Jump ahead, as the clock of a machine that slept; what has come due is called in its order."""
        self.at += seconds
        while self._waiting and self._waiting[0][0] <= self.at:
            asyncio.get_running_loop().call_soon(heapq.heappop(self._waiting)[2])


class TaskError(Exception):
    """What a task of a test raises to fail with this error and cause."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause


Handler = Callable[[StartTask], Awaitable[Any]]


async def echo(command: StartTask) -> Any:
    """A handler that gives its input back."""
    return command.input.value


class Functions:
    """A TaskRunner: calls the test's functions by their name. One that gives a Stimulus or None decides for itself."""

    def __init__(self, clock: ManualClock, handlers: dict[str, Handler]) -> None:
        self._clock = clock
        self._handlers = handlers
        self.calls: list[tuple[str, StartTask]] = []
        self.dropped: list[tuple[str, str]] = []
        self.reads: list[str | None] = []

    async def run(self, execution: str, command: StartTask) -> Stimulus | None:
        self.calls.append((execution, command))
        try:
            found = await self._handlers[command.resource.rpartition(":")[2]](command)
        except TaskError as error:
            return TaskFailed(
                at=self._clock.now(), frame=command.frame, attempt=command.attempt, error=error.error, cause=error.cause
            )
        if found is None or isinstance(found, Stimulus):
            return found
        return TaskSucceeded(
            at=self._clock.now(), frame=command.frame, attempt=command.attempt, output=Payload(found)
        )  # fmt: skip

    def drop(self, execution: str, key: str) -> None:
        self.dropped.append((execution, key))

    def child_ended(self, row: ExecutionRow, input: str, output: str | None, parent_task: str) -> Stimulus:
        raise AssertionError("these tests nest no executions")

    async def read_items(self, reader: Any, cursor: str | None, region: str) -> ItemsPage:
        """A source of `reader.Parameters.items` numbers, 700 to a page."""
        self.reads.append(cursor)
        first, count = int(cursor or 0), reader["Parameters"]["items"]
        last = min(first + PAGE, count)
        items: list[Any] = list(range(first, last))
        return ItemsPage(items, str(last) if last < count else None, ["S3://bucket"] * len(items), [None] * len(items))

    async def gather_results(
        self, map_run: str, writer: Any, region: str, children: AsyncIterator[EndedChild]
    ) -> Gathered:
        outputs = [json.loads(child.output) if child.output else child.row.status async for child in children]
        return Gathered(Payload(outputs), 0 if writer is None else len(outputs))


class FaultyStore:
    """A store that counts its calls, fails where a test says so, and answers nothing any more once it is cut off.

    `faults[method]` holds what happens to the next calls: "" nothing, "before" they fail without effect, "after" they
    fail although they took effect, which is what a caller sees who loses the reply.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.calls: Counter[str] = Counter()
        self.faults: defaultdict[str, deque[str]] = defaultdict(deque)
        self.under_way = 0
        self._is_cut = False

    def cut(self) -> None:
        """As if the process that uses it were gone."""
        self._is_cut = True

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.inner, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            await self._stop_if_cut()
            self.calls[name] += 1
            fault = self.faults[name].popleft() if self.faults[name] else ""
            if fault == "before":
                raise StoreError(f"{name} failed before it did anything")
            self.under_way += 1
            try:
                result = await method(*arguments, **options)
            finally:
                self.under_way -= 1
            if fault == "after":
                raise StoreError(f"the reply of {name} was lost")
            await self._stop_if_cut()
            return result

        return call

    async def _stop_if_cut(self) -> None:
        if self._is_cut:
            await asyncio.Event().wait()


class Node:
    """One engine with its own view of the store, as a server process has it."""

    def __init__(self, lab: "Lab", probe: Callable[[str], None], idle_seconds: float, **options: Any) -> None:
        self.store = FaultyStore(lab.store)
        self.functions = Functions(lab.clock, lab.handlers)
        self.engine = Engine(
            self.store, lab.program, self.functions, lab.clock, probe, idle_seconds, **options,  # type: ignore[arg-type]
        )  # fmt: skip

    def vanish(self) -> None:
        """Stop as a killed process does: nothing that it has not stored ever happens."""
        self.store.cut()
        self.functions._handlers = defaultdict(lambda: _never)


async def _never(command: StartTask) -> None:
    await asyncio.Event().wait()


class Lab:
    """Engines on one store."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.clock = ManualClock()
        self.handlers: dict[str, Handler] = {}
        self.nodes: list[Node] = []

    async def program(self, revision: str) -> Any:
        """A revision is its definition, and a label behind it for the children of a Map Run."""
        definition, _, label = revision.partition("/")
        program = compile_definition(definition)
        return program.processor(label) if label else program

    async def node(
        self, *, probe: Callable[[str], None] = no_probe, idle_seconds: float = 60.0, **options: Any
    ) -> Node:
        """A new engine, started."""
        node = Node(self, probe, idle_seconds, **options)
        self.nodes.append(node)
        await node.engine.start()
        return node

    async def restart(self, node: Node, **options: Any) -> Node:
        """Kill an engine and start another one once its leases have run out."""
        node.vanish()
        # What the process had handed over when it was killed is on the disk before the next one looks.
        await until(lambda: not node.store.under_way)
        self.clock.move(31)
        return await self.node(**options)

    def request(self, definition: str, name: str = "e", **fields: Any) -> StartRequested:
        """A request to start an execution of the definition."""
        defaults: dict[str, Any] = {
            "at": self.clock.now(), "execution": id_of(name), "name": name, "state_machine": MACHINE,
            "state_machine_name": "machine", "revision": definition, "role": "arn:aws:iam::123456789012:role/r",
            "region": "us-east-1", "input": EMPTY, "seed": f"seed of {name}",
        }  # fmt: skip
        return StartRequested(**defaults | fields)

    async def start(self, node: Node, definition: str, name: str = "e", **fields: Any) -> str:
        """Start an execution; its id."""
        return (await node.engine.start_execution(self.request(definition, name, **fields))).id

    async def reached(self, id: str, type: str, times: int = 1) -> None:
        """Wait until the stored journal holds so many events of that type."""
        await reached(self.store, id, type, times)

    async def finish(self, id: str) -> Execution:
        """Wait for the end, hold the journal to every invariant, give the final state."""

        async def over() -> bool:
            return (await self.store.execution(id)).status != RUNNING

        await until(over)
        return await check_journal(self.store, id)

    async def close(self) -> None:
        for node in self.nodes:
            if not node.store._is_cut:
                await node.engine.close()


def id_of(name: str) -> str:
    return f"arn:aws:states:us-east-1:123456789012:execution:machine:{name}"


async def within(work: Awaitable[Any]) -> Any:
    """Wait for the work, generously; a test that hangs fails here instead."""
    return await asyncio.wait_for(work, PATIENCE_SECONDS)


async def until(condition: Callable[[], Any]) -> None:
    """Let the loop run until the condition, perhaps a coroutine function, is true."""

    async def wait() -> None:
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.001)

    await within(wait())


async def reached(store: Any, id: str, type: str, times: int) -> None:
    """Wait until the stored journal holds so many events of that type."""

    async def there() -> bool:
        return (await events_of(store, id)).count(type) >= times

    await until(there)


async def gathered(work: Sequence[Awaitable[Any]]) -> list[Any]:
    """The results, or what was raised instead of them."""
    return list(await within(asyncio.gather(*work, return_exceptions=True)))
