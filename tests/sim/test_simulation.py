"""A seeded storm: random executions and Map Runs, stimuli, crashes, lost commits and lost replies, on one clock.

Even seeds have one engine at a time, which must bring everything to its end by itself. Odd seeds have two that fight
for the same executions. What one of them committed without holding the lease of its shard, and did not live to do, is
done by the shard's next holder, so there the leases change hands once more before the end.

`STEPWELL_SEED=N` repeats one run; `STEPWELL_SEEDS=N` runs the first N seeds.
"""

import asyncio
import os
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable
from typing import Any

import pytest
from enginelab import MACHINE, PATIENCE_SECONDS, FaultyStore, Lab, Node, TaskError, flow, id_of, task
from journals import EVERY_SHARD, check_all, records_of

from stepwell.engine.errors import EngineError
from stepwell.machine.commands import StartTask
from stepwell.machine.execution import RUNNING, SUCCEEDED, Execution
from stepwell.machine.payload import Payload
from stepwell.machine.records import TaskScheduled
from stepwell.machine.stimuli import TaskSubmitted
from stepwell.store.memory import MemoryStore
from stepwell.store.protocol import StoreError

SEEDS = int(os.environ.get("STEPWELL_SEEDS", "12"))
EXECUTIONS = 40
ROUNDS = 250
ACTION = "invoke.waitForTaskToken"
REFUSALS = (EngineError, StoreError)

RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 3}]


def seeds() -> list[int]:
    return [int(os.environ["STEPWELL_SEED"])] if "STEPWELL_SEED" in os.environ else list(range(SEEDS))


class Definitions:
    """Random definitions. Every state's name says what its result must be, so an output can be checked."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._names = 0

    def machine(self) -> str:
        return flow(**self._chain(depth=2, length=self._chance.randint(1, 4)))

    def _chain(self, depth: int, length: int) -> dict[str, Any]:
        """States one after the other; the last one gives the result."""
        states: dict[str, Any] = {}
        names = [self._name() for _ in range(length)]
        for name, next in zip(names, [*names[1:], None], strict=True):
            states[name] = self._state(name, depth) | ({"Next": next} if next else {"End": True})
        return states

    def _name(self) -> str:
        self._names += 1
        return f"S{self._names}"

    def _state(self, name: str, depth: int) -> dict[str, Any]:
        kinds = [self._task, self._task, self._token, self._wait, self._pass]
        kinds += [self._parallel, self._map, self._distributed] if depth else []
        state: dict[str, Any] = self._chance.choice(kinds)(name, depth)
        return state

    def _pass(self, name: str, depth: int) -> dict[str, Any]:
        large = "x" * self._chance.choice([1, 1, 5000])
        return {"Type": "Pass", "Result": f"{name} {large}"}

    def _wait(self, name: str, depth: int) -> dict[str, Any]:
        return {"Type": "Wait", "Seconds": self._chance.choice([1, 7, 200])}

    def _task(self, name: str, depth: int) -> dict[str, Any]:
        state = task(self._chance.choice(["quick", "slow", "flaky"]), Parameters={"name": name}, Retry=RETRY)
        del state["End"]
        return state | ({"TimeoutSeconds": 30} if self._chance.random() < 0.3 else {})

    def _token(self, name: str, depth: int) -> dict[str, Any]:
        resource = f"arn:aws:states:::lambda:{ACTION}"
        times = {"TimeoutSeconds": 60, "HeartbeatSeconds": 20} if self._chance.random() < 0.5 else {}
        return {"Type": "Task", "Resource": resource, "Parameters": {"name": name}, "Retry": RETRY, **times}

    def _parallel(self, name: str, depth: int) -> dict[str, Any]:
        branches = [self._branch(depth - 1) for _ in range(self._chance.randint(1, 3))]
        return {"Type": "Parallel", "Branches": branches}

    def _map(self, name: str, depth: int) -> dict[str, Any]:
        each = {"StartAt": "Item" + name, "States": {"Item" + name: task("item")}}
        select = {"items": list(range(self._chance.randint(0, 4)))}
        concurrency = self._chance.choice([0, 1, 2])
        self._names += 1
        processor = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": each, "MaxConcurrency": concurrency}
        inner = f"S{self._names}"
        start = {"Type": "Pass", "Result": select, "Next": inner}
        return {
            "Type": "Parallel",
            "Branches": [{"StartAt": "Of" + name, "States": {"Of" + name: start, inner: processor | {"End": True}}}],
        }

    def _distributed(self, name: str, depth: int) -> dict[str, Any]:
        """Its children fail now and then and nobody retries them: a redrive has to."""
        config = {"Mode": "DISTRIBUTED", "ExecutionType": self._chance.choice(["STANDARD", "EXPRESS"])}
        child = task("flaky", Parameters={"name": "child"})
        each = {"ProcessorConfig": config, "StartAt": "Item" + name, "States": {"Item" + name: child}}
        reader = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"items": self._chance.randint(0, 6)}}
        return {
            "Type": "Map", "ItemProcessor": each, "ItemReader": reader,
            "MaxConcurrency": self._chance.choice([0, 1, 2]), "ToleratedFailureCount": self._chance.choice([0, 1]),
        }  # fmt: skip

    def _branch(self, depth: int) -> dict[str, Any]:
        states = self._chain(depth, self._chance.randint(1, 2))
        return {"StartAt": next(iter(states)), "States": states}


class Storm:
    """One seed's run."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.engines = 1 + seed % 2
        self.lab = Lab(MemoryStore())
        self.definitions = Definitions(self.chance)
        self.tokens: list[str] = []
        self.settled: Counter[str] = Counter()
        self.keys: defaultdict[tuple[str, int, int], set[str]] = defaultdict(set)
        self.counts: Counter[str] = Counter()
        self.started: set[str] = set()
        self.lab.handlers |= {
            "quick": self.quick, "slow": self.slow, "flaky": self.flaky, "item": self.item, ACTION: self.hand_out,
        }  # fmt: skip

    # --- tasks

    def note(self, command: StartTask) -> None:
        self.counts["task calls"] += 1
        self.keys[self.execution_of(command), command.frame, command.attempt].add(command.idempotency_key)

    def execution_of(self, command: StartTask) -> str:
        return next(id for node in self.lab.nodes for id, known in node.functions.calls if known is command)

    async def quick(self, command: StartTask) -> Any:
        self.note(command)
        return command.input.value["name"]

    async def slow(self, command: StartTask) -> Any:
        self.note(command)
        for _ in range(self.chance.randrange(30)):
            await asyncio.sleep(0)
        return command.input.value["name"]

    async def flaky(self, command: StartTask) -> Any:
        self.note(command)
        if self.chance.random() < 0.4 and command.attempt < 3:
            raise TaskError("Flaky", "again")
        return command.input.value["name"]

    async def item(self, command: StartTask) -> Any:
        self.note(command)
        for _ in range(self.chance.randrange(10)):
            await asyncio.sleep(0)
        return command.input.value

    async def hand_out(self, command: StartTask) -> TaskSubmitted:
        self.note(command)
        self.tokens.append(command.task_token or "")
        at = self.lab.clock.now()
        return TaskSubmitted(at=at, frame=command.frame, attempt=command.attempt, output=Payload({}))

    # --- what happens

    async def run(self) -> dict[str, Execution]:
        nodes = [await self.node() for _ in range(self.engines)]
        for _ in range(ROUNDS):
            await self.happen(nodes)
        await self.calm(nodes)
        return await check_all(self.lab.store, MACHINE)

    async def node(self) -> Node:
        return await self.lab.node(idle_seconds=self.chance.choice([0.0, 60.0]))

    async def happen(self, nodes: list[Node]) -> None:
        acts = [self.act(self.chance.choice(nodes)) for _ in range(self.chance.randint(0, 4))]
        if self.chance.random() < 0.15:
            self.spoil(self.chance.choice(nodes).store)
        await asyncio.wait_for(asyncio.gather(*acts), PATIENCE_SECONDS)
        self.lab.clock.move(self.chance.choice([0, 0, 0.5, 2, 6]))
        if self.chance.random() < 0.06:
            await self.crash(nodes)

    async def act(self, node: Node) -> None:
        kinds = [self.start, self.settle, self.heartbeat, self.stop, self.redrive]
        kind = self.chance.choices(kinds, [3, 8, 2, 1.5, 2])[0]
        await kind(node)

    async def start(self, node: Node) -> None:
        name = f"e{self.chance.randrange(EXECUTIONS)}"
        definition = self.definitions.machine() if self.chance.random() < 0.8 else flow(P={"Type": "Succeed"})
        await self.tolerate(node.engine.start_execution(self.lab.request(definition, name)))
        if await self.lab.store.execution(id_of(name)) is not None:
            self.started.add(id_of(name))

    async def settle(self, node: Node) -> None:
        if self.tokens:
            token = self.chance.choice(self.tokens)
            if await self.tolerate(node.engine.task_succeeded(token, Payload("settled"))):
                self.settled[token] += 1

    async def heartbeat(self, node: Node) -> None:
        if self.tokens:
            await self.tolerate(node.engine.task_heartbeat(self.chance.choice(self.tokens)))

    async def stop(self, node: Node) -> None:
        id = id_of(f"e{self.chance.randrange(EXECUTIONS)}")
        await self.tolerate(node.engine.stop_execution(id, None, None))

    async def redrive(self, node: Node) -> None:
        """Sometimes one that has a token in common with others, and so perhaps is none."""
        closed = await self.unsuccessful()
        id = self.chance.choice(closed) if closed else id_of("nobody")
        token = self.chance.choice([None, None, "token"])
        if await self.tolerate(node.engine.redrive_execution(id, token)):
            self.counts["redrives"] += 1

    async def unsuccessful(self) -> list[str]:
        rows = await self.lab.store.executions(through=MACHINE, limit=1000)
        return [row.id for row in rows if row.status not in (RUNNING, SUCCEEDED)]

    async def tolerate(self, work: Awaitable[Any]) -> bool:
        try:
            await work
        except REFUSALS as error:
            self.counts[type(error).__name__] += 1
            return False
        return True

    def spoil(self, store: FaultyStore) -> None:
        """The next calls fail, before or after they took effect."""
        method = self.chance.choices(["commit", "journal", "save_checkpoint", "forget", "outbox"], [6, 3, 1, 1, 1])[0]
        store.faults[method].extend(self.chance.choices(["", "before", "after"], [2, 1, 2], k=3))
        self.counts["faults"] += 1

    async def crash(self, nodes: list[Node]) -> None:
        """A process is gone; another one comes. What is stored must be sound at this very moment."""
        gone = nodes.pop(self.chance.randrange(len(nodes)))
        gone.vanish()
        self.counts["crashes"] += 1
        await check_all(self.lab.store, MACHINE)
        if self.engines == 1 or self.chance.random() < 0.5:
            self.lab.clock.move(31)
        nodes.append(await self.node())

    async def calm(self, nodes: list[Node]) -> None:
        """No more trouble: everything has to come to a good end, what was stopped or failed by a redrive."""
        if self.engines == 2:
            for node in nodes:
                node.vanish()
            self.lab.clock.move(31)
            nodes = [await self.node() for _ in nodes]
        for node in nodes:
            node.store.faults.clear()
        for _ in range(3000):
            rows = await self.lab.store.executions(through=MACHINE, limit=1000)
            for id in await self.unsuccessful():
                await self.tolerate(self.chance.choice(nodes).engine.redrive_execution(id, None))
            if all(row.status == SUCCEEDED for row in rows) and not await self.lab.store.outbox(EVERY_SHARD):
                return
            for token in self.tokens[-200:]:
                if await self.tolerate(self.chance.choice(nodes).engine.task_succeeded(token, Payload("settled"))):
                    self.settled[token] += 1
            self.lab.clock.move(6)
            for _ in range(20):
                await asyncio.sleep(0)
        raise AssertionError([row for row in rows if row.status != SUCCEEDED])


@pytest.mark.parametrize("seed", seeds())
def test_storm(seed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    print(f"STEPWELL_SEED={seed}")
    monkeypatch.setattr("stepwell.engine.residents.RETRY_SECONDS", 0.0)
    monkeypatch.setattr("stepwell.engine.map_runs.RETRY_SECONDS", 0.0)
    caplog.set_level("CRITICAL")
    asyncio.run(_storm(seed))


async def _storm(seed: int) -> None:
    storm = Storm(seed)
    try:
        ended = await storm.run()
    finally:
        await storm.lab.close()
    assert ended.keys() == storm.started, "what was started is there, and nothing else"
    for id, execution in ended.items():
        assert execution.status == SUCCEEDED, id
    assert all(times == 1 for times in storm.settled.values()), "a token is settled once"
    # An Express child that runs again in a redrive has the same attempts under the same ARN, with other keys.
    durable = {attempt: keys for attempt, keys in storm.keys.items() if ":express:" not in attempt[0]}
    assert all(len(keys) == 1 for keys in durable.values()), "an attempt has one key"
    for id in ended:
        scheduled = {
            (r.frame, r.attempt) for r in await records_of(storm.lab.store, id) if isinstance(r, TaskScheduled)
        }
        called = {(frame, attempt) for execution, frame, attempt in storm.keys if execution == id}
        assert called <= scheduled, "only what is durable was called"
    assert not await storm.lab.store.inbox(EVERY_SHARD)
    print(f"{len(ended)} executions, {sum(e.event_id for e in ended.values())} events,", dict(storm.counts))
