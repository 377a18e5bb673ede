"""The decider of a Map Run: any order of events leads to an end, and its journal folds to its state."""

import random
from typing import Any

import pytest

from stepwell.asl.compile import compile_definition
from stepwell.asl.errors import StatesError
from stepwell.asl.jsontext import encode
from stepwell.machine import journal
from stepwell.machine.commands import StartMapRun
from stepwell.machine.decide import Step
from stepwell.machine.execution import ABORTED, FAILED, RUNNING, SUCCEEDED
from stepwell.machine.maprun import commands as c
from stepwell.machine.maprun import stimuli as s
from stepwell.machine.maprun.batches import Batcher, take_batches
from stepwell.machine.maprun.decide import WAITING_FEW, decide
from stepwell.machine.maprun.state import MapRun, apply
from stepwell.machine.payload import EMPTY, Payload
from stepwell.machine.stimuli import Stimulus, StopRequested

from .harness import BEGIN, EXECUTION, FUNCTION, ROLE, SEED, STATE_MACHINE, Run, machine, one

PAGE = 40
MAP_RUN = f"{STATE_MACHINE.replace('stateMachine', 'mapRun')}/L:run"


def definition(**fields: Any) -> dict[str, Any]:
    processor = machine({"Name": "T", "Type": "Task", "Resource": FUNCTION})
    processor["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    return one("Map", ItemProcessor=processor, Label="L", **fields)


class Driver:
    """One Map Run over a source of numbers; reading and children are played by the test."""

    def __init__(self, source: int, **order: Any) -> None:
        self.source = source
        self.run = MapRun()
        self.program = compile_definition(encode(definition()))
        self.at = BEGIN
        self.records: list[Any] = []
        self.reads: list[c.ReadItems] = []
        self.children: dict[int, Any] = {}
        self.stopping: set[int] = set()
        self.gathering = False
        self.begun: list[int] = []
        fields: dict[str, Any] = {
            "frame": 1, "attempt": 1, "map_run": MAP_RUN, "state": "S",
            "label": "L", "express": False, "items": None, "reader": EMPTY, "batcher": None, "writer": None,
            "concurrency": 0, "tolerated_count": None, "tolerated_percentage": None, "input": EMPTY, "context": EMPTY,
            "variables": EMPTY, "seed": SEED, "state_machine": f"{STATE_MACHINE}/L", "state_machine_name": "M/L",
            "revision": "1/L", "role": ROLE, "region": "us-east-1", "limits": "aws",
        }  # fmt: skip
        self.feed(s.MapRunRequested(at=self.at, execution=EXECUTION, order=StartMapRun(**fields | order)))

    def feed(self, stimulus: Stimulus) -> Step:
        step = decide(self.program, self.run, stimulus)
        self.records += step.records
        for command in step.commands:
            self._perform(command)
        self._check(step)
        return step

    def _perform(self, command: Any) -> None:
        match command:
            case c.ReadItems():
                self.reads.append(command)
            case c.StartMapChild(request=request):
                if request.item not in self.children:
                    self.begun.append(request.item)
                self.children[request.item] = request
            case c.RedriveMapChild(request=request):
                self.children[request.item] = request
            case c.StopMapChild(index=index):
                self.stopping.add(index)
            case c.GatherResults():
                self.gathering = True

    def _check(self, step: Step) -> None:
        assert step.records or not step.commands, "no command without a record"
        assert set(self.children) == set(self.run.running), "what was ordered is what runs"
        assert len(self.run.waiting) < WAITING_FEW + PAGE, "no more is held than a page beyond what may wait"
        folded = MapRun()
        for record in self.records:
            apply(folded, record)
        assert folded == self.run
        encoded = journal.encode(self.run)
        assert journal.decode_map_run(encoded.body, encoded.payloads) == self.run

    def read(self) -> None:
        command = self.reads.pop()
        first = int(command.cursor or 0)
        last = min(first + PAGE, self.source)
        cursor = str(last) if last < self.source else None
        items, sources = Payload(list(range(first, last))), ["S3://bucket"] * (last - first)
        self.feed(s.ItemsRead(at=self.at, page=command.page, items=items, sources=sources, cursor=cursor))

    def settle(self, index: int, status: str = SUCCEEDED) -> None:
        del self.children[index]
        self.stopping.discard(index)
        self.feed(s.ChildEnded(at=self.at, index=index, status=status))

    def gather(self, **results: Any) -> None:
        self.gathering = False
        self.feed(s.ResultsGathered(at=self.at, **results or {"output": Payload(["all"])}))


def test_every_item_is_one_child() -> None:
    driver = Driver(100, concurrency=7)
    while driver.run.status == RUNNING:
        assert len(driver.children) <= 7
        if driver.reads:
            driver.read()
        elif driver.children:
            driver.settle(min(driver.children))
        else:
            driver.gather()
    assert driver.begun == list(range(100))
    assert (driver.run.status, driver.run.output) == (SUCCEEDED, Payload(["all"]))
    assert len({driver.run.child_arn(index) for index in range(100)}) == 100


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_it_ends_and_folds(seed: int) -> None:
    draw = random.Random(seed)
    source = draw.choice([0, 1, 30, 200])
    driver = Driver(
        source, concurrency=draw.choice([0, 1, 5]), tolerated_count=draw.choice([None, 3]),
        tolerated_percentage=draw.choice([None, 20.0]),
        batcher=draw.choice([None, Payload({"MaxItemsPerBatch": 7})]),
    )  # fmt: skip
    failing = draw.choice([0.0, 0.05, 0.5])
    for _ in range(3_000):
        if driver.run.status != RUNNING:
            break
        event = draw.random()
        if event < 0.01:
            driver.feed(StopRequested(at=driver.at))
        elif event < 0.05:
            driver.reads.clear()
            driver.feed(s.TakenOver(at=driver.at))
        elif event < 0.08:
            driver.feed(s.UpdateRequested(at=driver.at, concurrency=draw.randint(0, 9)))
        elif event < 0.1:
            driver.feed(
                s.ChildEnded(at=driver.at, index=draw.randint(0, 300), status=FAILED)
            ) if not driver.children else None
        elif driver.reads:
            driver.read()
        elif driver.children:
            index = draw.choice(sorted(driver.children))
            status = ABORTED if index in driver.stopping else FAILED if draw.random() < failing else SUCCEEDED
            driver.settle(index, status)
        elif driver.gathering:
            driver.gather()
    assert driver.run.status in (SUCCEEDED, FAILED, ABORTED), f"seed {seed}"
    assert not driver.children
    if driver.run.status == SUCCEEDED:
        assert sum(count.items for count in driver.run.settled.values()) == source


def test_a_taken_over_map_run_orders_again_what_was_under_way() -> None:
    driver = Driver(100, concurrency=3)
    driver.read()
    before = dict(driver.children)
    driver.children.clear()
    driver.begun.clear()
    driver.feed(s.TakenOver(at=driver.at))
    assert driver.begun == [0, 1, 2]
    assert {index: request.execution for index, request in driver.children.items()} == {
        index: request.execution for index, request in before.items()
    }


def test_a_redriven_map_run_runs_only_what_did_not_succeed() -> None:
    driver = Driver(5, concurrency=2)
    driver.read()
    driver.settle(0)
    driver.settle(1, FAILED)
    driver.settle(2, ABORTED)
    assert driver.run.status == FAILED
    driver.feed(s.MapRunRedriveRequested(at=driver.at, failed=[(1, 1), (2, 1)], redrives=1))
    assert sorted(driver.children) == [1, 2]
    for index in (1, 2, 3, 4):
        driver.settle(index)
    driver.gather()
    assert driver.run.status == SUCCEEDED
    assert (driver.run.redrive_count, driver.run.settled[SUCCEEDED].executions) == (1, 5)


def test_an_error_of_the_reader_is_the_map_run_s() -> None:
    driver = Driver(5)
    driver.feed(s.ItemsRead(at=driver.at, page=1, error="States.ItemReaderFailed", cause="no such key"))
    assert (driver.run.status, driver.run.error, driver.run.cause) == (
        FAILED, "States.ItemReaderFailed", "no such key",
    )  # fmt: skip


def test_an_error_of_the_selector_is_the_map_run_s() -> None:
    driver = Driver(5)
    driver.program = compile_definition(encode(definition(ItemSelector={"a.$": "$.missing"})))
    driver.read()
    assert (driver.run.status, driver.run.error) == (FAILED, "States.Runtime")


@pytest.mark.parametrize(
    ("items", "batcher", "last", "batches", "rest"),
    [
        ([1, 2, 3], {"MaxItemsPerBatch": 2}, True, [[1, 2], [3]], []),
        ([1, 2, 3], {"MaxItemsPerBatch": 2}, False, [[1, 2]], [3]),
        ([1, 2, 3, 4], {"MaxItemsPerBatch": 2}, False, [[1, 2], [3, 4]], []),
        (["ab", "cd", "ef"], {"MaxInputBytesPerBatch": 21}, True, [["ab", "cd"], ["ef"]], []),
        (["ab", "cd", "ef"], {"MaxInputBytesPerBatch": 21, "MaxItemsPerBatch": 1}, True, [["ab"], ["cd"], ["ef"]], []),
        ([], {"MaxItemsPerBatch": 2}, True, [], []),
    ],
)
def test_batches(items: Any, batcher: Any, last: bool, batches: Any, rest: Any) -> None:
    made, left = take_batches([Payload(item) for item in items], Batcher(batcher), last)
    assert [[item.value for item in batch] for batch in made] == batches
    assert [item.value for item in left] == rest


@pytest.mark.parametrize("batcher", [{"MaxItemsPerBatch": 0}, {"MaxInputBytesPerBatch": 262_145}])
def test_batch_limits_that_make_no_sense(batcher: Any) -> None:
    with pytest.raises(StatesError, match="field Max"):
        Batcher(batcher)


def test_an_item_too_large_for_a_batch() -> None:
    with pytest.raises(StatesError, match="more than the limit of 20 bytes"):
        take_batches([Payload("x" * 30)], Batcher({"MaxInputBytesPerBatch": 20}), True)


def test_the_map_waits_for_its_map_run() -> None:
    run = Run(definition(), [1, 2])
    (order,) = [command for command in run.commands if isinstance(command, StartMapRun)]
    assert (order.items, order.label, order.revision) == (Payload([1, 2]), "L", "1/L")
    assert run.types()[-2:] == ["MapStateStarted", "MapRunStarted"]
    run.stop()
    assert run.stopped_children == [order.map_run]
