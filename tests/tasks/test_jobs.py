"""`.sync` jobs: a Batch of the test's own, whose jobs stand where the test puts them, and the table of all kinds."""

import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
from enginelab import until
from journals import EVERY_SHARD, events_of
from remote import Answer, Call, Remote, serving
from taskhouse import House

from stepwell.awsmodels.integrations import optimized
from stepwell.awsmodels.services import find_operation
from stepwell.machine.execution import ABORTED, FAILED, SUCCEEDED
from stepwell.store.memory import MemoryStore
from stepwell.tasks import casing
from stepwell.tasks.endpoints import Endpoints
from stepwell.tasks.jobs import JOBS, REASON
from stepwell.tasks.optimized import SERVICES, find_call
from stepwell.tasks.runner import Outside

pytestmark = pytest.mark.anyio

SUBMIT = "arn:aws:states:::batch:submitJob.sync"


class Batch:
    """One job, and what is done to it."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.status: str | None = "RUNNING"
        self.refusal: Answer | None = None
        remote.answer = self._answer

    def _answer(self, call: Call) -> Answer:
        if call.path == "/v1/submitjob":
            return self.refusal or Answer(body={"jobName": "j", "jobId": "j1"})
        if call.path == "/v1/terminatejob":
            self.status = "FAILED"
            return Answer(body={})
        jobs = [{"jobId": "j1", "status": self.status}] if self.status else []
        return self.refusal or Answer(body={"jobs": jobs})

    def asked(self, path: str) -> list[Any]:
        return [call.json for call in self.remote.calls if call.path == path]


@pytest.fixture
def batch() -> Iterator[Batch]:
    with serving() as remote:
        yield Batch(remote)


@pytest.fixture
async def house(batch: Batch) -> AsyncIterator[House]:
    house = House(MemoryStore(), None, outside=Outside(Endpoints({"": batch.remote.url})))
    await house.open()
    yield house
    await house.close()


async def submitted(house: House, **more: Any) -> str:
    parameters = {"JobName": "j", "JobQueue": "q", "JobDefinition": "d"}
    state = {"Type": "Task", "Resource": SUBMIT, "Parameters": parameters, "End": True, **more}
    id = await house.start(await house.create("m", T=state))
    await house.reached(id, "TaskSubmitted")
    return id


async def asked_again(house: House, batch: Batch) -> None:
    """Let the poller ask once more."""
    times = len(batch.asked("/v1/describejobs"))

    def again() -> bool:
        house.clock.move(1)
        return len(batch.asked("/v1/describejobs")) > times

    await until(again)


async def drained(house: House) -> None:
    """Wait until no command is left to do."""

    async def is_done() -> bool:
        return await house.inner.outbox(EVERY_SHARD) == []

    await until(is_done)


async def test_a_job_that_ends_well(house: House, batch: Batch) -> None:
    id = await submitted(house)
    await asked_again(house, batch)
    batch.status = None  # not to be found for a moment
    await asked_again(house, batch)
    batch.status = "SUCCEEDED"
    await asked_again(house, batch)
    ended = await house.finish(id)
    assert ended.output.value == {"JobId": "j1", "Status": "SUCCEEDED"}
    assert (await events_of(house.inner, id))[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    assert await house.inner.outbox(EVERY_SHARD) == []
    assert batch.asked("/v1/terminatejob") == []
    assert batch.asked("/v1/describejobs")[0] == {"jobs": ["j1"]}


async def test_a_job_that_fails(house: House, batch: Batch) -> None:
    id = await submitted(house)
    batch.status = "FAILED"
    await asked_again(house, batch)
    ended = await house.finish(id)
    assert (ended.status, ended.error) == (FAILED, "States.TaskFailed")
    assert json.loads(ended.cause or "") == {"JobId": "j1", "Status": "FAILED"}


async def test_a_job_that_is_refused(house: House, batch: Batch) -> None:
    headers = {"x-amzn-errortype": "ClientException"}
    batch.refusal = Answer(400, {"message": "no queue"}, headers)
    state = {"Type": "Task", "Resource": SUBMIT, "Parameters": {"JobName": "j"}, "End": True}
    ended = await house.finish(await house.start(await house.create("m", T=state)))
    assert ended.error == "Batch.ClientException"
    assert (ended.cause or "").startswith(
        "no queue (Service: AWSBatch; Status Code: 400; Error Code: ClientException; "
    )
    assert (await events_of(house.inner, ended.id))[3:5] == ["TaskStarted", "TaskSubmitFailed"]


async def test_watching_goes_on_after_a_restart(house: House, batch: Batch) -> None:
    id = await submitted(house)
    await asked_again(house, batch)
    await house.restart()
    await asked_again(house, batch)
    batch.status = "SUCCEEDED"
    await asked_again(house, batch)
    assert (await house.finish(id)).status == SUCCEEDED
    assert len(batch.asked("/v1/submitjob")) == 1


async def test_a_service_that_is_away_is_asked_again(house: House, batch: Batch) -> None:
    id = await submitted(house)
    batch.refusal = Answer(503, {"message": "busy"})
    await asked_again(house, batch)
    batch.refusal = Answer(400, {"message": "slow"}, {"x-amzn-errortype": "TooManyRequestsException"})
    await asked_again(house, batch)
    batch.refusal, batch.status = None, "SUCCEEDED"
    await asked_again(house, batch)
    assert (await house.finish(id)).status == SUCCEEDED


async def test_a_description_that_is_refused_fails_the_task(house: House, batch: Batch) -> None:
    id = await submitted(house)
    batch.refusal = Answer(403, {"message": "not yours"}, {"x-amzn-errortype": "AccessDenied"})
    await asked_again(house, batch)
    ended = await house.finish(id)
    assert (ended.error, ended.cause) == ("States.TaskFailed", "not yours (describeJobs: AccessDenied)")


async def test_an_execution_that_is_stopped_stops_its_job(house: House, batch: Batch) -> None:
    id = await submitted(house)
    await house.engine.stop_execution(id, None, None)
    await until(lambda: batch.asked("/v1/terminatejob"))
    assert batch.asked("/v1/terminatejob") == [{"jobId": "j1", "reason": REASON}]
    await drained(house)
    assert (await house.finish(id)).status == ABORTED
    times = len(batch.remote.calls)
    house.clock.move(100)
    await until(lambda: not house.engine._tasks)
    assert len(batch.remote.calls) == times, "nobody watches it any longer"


async def test_a_time_out_stops_the_job(house: House, batch: Batch) -> None:
    id = await submitted(house, TimeoutSeconds=10)
    house.clock.move(11)
    await until(lambda: batch.asked("/v1/terminatejob"))
    await drained(house)
    assert (await house.finish(id)).error == "States.Timeout"


async def test_the_stop_of_a_job_outlasts_a_crash(house: House, batch: Batch) -> None:
    id = await submitted(house)
    house.store.faults["forget"].append("before")
    await house.engine.stop_execution(id, None, None)
    await until(lambda: len(batch.asked("/v1/terminatejob")) == 1)
    assert [row.key for row in await house.inner.outbox(EVERY_SHARD)] == ["stop-job/1/1"]
    await house.restart()
    await until(lambda: len(batch.asked("/v1/terminatejob")) == 2)


async def test_a_job_that_begins_while_its_execution_stops_is_stopped(house: House, batch: Batch) -> None:
    answer_at_once = batch.remote.answer
    asked, go_on = threading.Event(), threading.Event()

    def answer(call: Call) -> Answer:
        if call.path == "/v1/submitjob":
            asked.set()
            go_on.wait()
        return answer_at_once(call)

    batch.remote.answer = answer
    state = {"Type": "Task", "Resource": SUBMIT, "Parameters": {"JobName": "j"}, "End": True}
    id = await house.start(await house.create("m", T=state))
    await until(asked.is_set)
    await house.engine.stop_execution(id, None, None)
    go_on.set()
    await until(lambda: batch.asked("/v1/terminatejob"))
    assert "TaskSubmitted" not in await events_of(house.inner, id)


# --- the table


def every_job() -> list[tuple[str, str]]:
    return [
        (type, action)
        for type, actions in optimized().items()
        for action, patterns in actions.items()
        if ("sync" in patterns and type not in ("states", "eks")) or (type, action) in JOBS
    ]


@pytest.mark.parametrize(("type", "action"), every_job())
def test_every_kind_of_job_is_asked_for_and_stopped_as_its_service_takes_it(type: str, action: str) -> None:
    kind = JOBS[type, action]
    describe = find_operation(kind.service, kind.describe)
    assert describe is not None, f"{kind.service} has no {kind.describe}"
    casing.request(describe, _example(kind.request))
    if kind.stop:
        stop = find_operation(kind.service, kind.stop)
        assert stop is not None, f"{kind.service} has no {kind.stop}"
        casing.request(stop, _example(kind.request if kind.stop_request is None else kind.stop_request))
    for path in (kind.shown, kind.status if isinstance(kind.status, str) else ""):
        _follow(describe.output_shape, path)
    states = _follow(describe.output_shape, kind.status).enum if isinstance(kind.status, str) else []
    known = set(states) or kind.done | kind.failed
    assert kind.done <= known | {"DELETED"}
    start = find_call(SERVICES[type], type, action)
    assert start is not None
    for path in _paths(kind.request):
        if path.startswith("$reply.") and type != "elasticmapreduce":
            _follow(start.output_shape, path.removeprefix("$reply."))


def _example(template: Any) -> Any:
    if isinstance(template, Mapping):
        return {name: _example(value) for name, value in template.items()}
    return [_example(item) for item in template] if isinstance(template, list) else "x"


def _paths(template: Any) -> list[str]:
    if isinstance(template, Mapping):
        return [path for value in template.values() for path in _paths(value)]
    return [path for item in template for path in _paths(item)] if isinstance(template, list) else [template]


def _follow(shape: Any, path: str) -> Any:
    """The shape that a path leads to. Fails where there is none."""
    for step in path.split(".") if path else ():
        if step.isdigit():
            shape = shape.member
        else:
            shape = {casing.model_name(name): member for name, member in shape.members.items()}[step]
    return shape


@pytest.mark.parametrize(
    ("type", "action"), [(type, action) for type in SERVICES for action in optimized()[type]]
)  # fmt: skip
def test_every_optimized_action_is_an_operation(type: str, action: str) -> None:
    beyond = {("bedrock", "invokeModel"), ("eks", "call"), ("eks", "runJob")}
    beyond |= {("elasticmapreduce", "modifyInstanceFleetByName"), ("elasticmapreduce", "modifyInstanceGroupByName")}
    assert (find_call(SERVICES[type], type, action) is None) is ((type, action) in beyond)
