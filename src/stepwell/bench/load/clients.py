"""The clients: each carries a request to its end as AWS's event sources do, and records what it was told.

A queue or an asynchronous invocation delivers at least once and again after an error, one and two minutes later. These
clients do the same within seconds, because a person waits for the answer.
"""

import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stepwell.bench.catalog import EXECUTE, EXPRESS, INVOKE, NO_CALLBACK, STRATEGIES, WORKLOADS
from stepwell.bench.history import ACKNOWLEDGE, DELIVER, Op, Status
from stepwell.bench.load.deploy import Deployment
from stepwell.bench.load.queues import Queues
from stepwell.bench.measures.transitions import execution_ops
from stepwell.bench.worker.call import INSPECT

PATIENCE_SECONDS = 30.0
"""How long a client carries on with one request; many lives of a claim, also on a busy machine."""

UNANSWERED_PATIENCE_SECONDS = 10.0
"""The same with a request that nobody will answer: three times as long as those wait that do not wait for ever."""

_REDELIVERY_SECONDS = (0.05, 0.5)
_POLL_SECONDS = (0.02, 0.2)
_NOT_APPLIED = frozenset({"Conflict", "InProgress"})
_RUNNING, _SUCCEEDED = "RUNNING", "SUCCEEDED"
_YES = '{"approved": true}'
_CLIENT = "client"

Event = dict[str, Any]
Ask = Callable[["Work", Event], tuple[Status, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One request, of a workload under a strategy, delivered `copies` times at once.

    `record` is the shared record that it changes. `module` is the strategy's in the worker, which need not be its own
    where a guard was taken out.
    """

    run: str
    request: str
    workload: str
    strategy: str
    module: str
    record: str
    copies: int = 1
    fault: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Clients:
    """Performs works from many threads; `history` grows with what they see. `seed` decides on their pauses.

    `works` has all that were begun, by their request.
    """

    deployment: Deployment
    queues: Queues
    seed: int
    history: list[Op] = field(default_factory=list)
    works: dict[str, Work] = field(default_factory=dict)

    def perform(self, work: Work) -> "Delivery":
        """Carries one request to its end, or to the end of a client's patience."""
        begun = time.time()
        self.works[work.request] = work
        unanswered = work.fault and work.fault["name"] == NO_CALLBACK
        patience = UNANSWERED_PATIENCE_SECONDS if unanswered else PATIENCE_SECONDS
        delivery = Delivery(work, self._events(work), begun + patience, f"{self.seed}/{work.request}")
        self._deliver(delivery)
        self.history.append(_acknowledgement(work, begun, delivery))
        return delivery

    def repeat(self, delivery: "Delivery") -> None:
        """Delivers once more what was delivered, as it was."""
        self._deliver(delivery)

    def _deliver(self, delivery: "Delivery") -> None:
        """All its events at once, each to its end."""
        deliver = self._way(delivery.work)
        first, *others = delivery.events
        threads = [threading.Thread(target=deliver, args=(delivery, event)) for event in others]
        for thread in threads:
            thread.start()
        deliver(delivery, first)
        for thread in threads:
            thread.join()

    def answer(self, work: Work, token: str | None) -> None:
        """What a person does who follows the link in the mail of a request: says yes.

        An answer to a token that is no longer good is dropped. Raises `RuntimeError` when it is not taken otherwise.
        """
        if token:
            with suppress(self.deployment.sfn.exceptions.TaskTimedOut):
                self.deployment.sfn.send_task_success(taskToken=token, output=_YES)
            return
        event = self._event(work) | {"workload": "decision", "step": "decide"}
        for attempt, pause in enumerate(_pauses(_REDELIVERY_SECONDS, random.Random(self.seed), limit=60), 1):
            status, answer = self._invoke(event | {"attempt": attempt})
            if status == "ok":
                return
            time.sleep(pause)
        raise RuntimeError(f"the answer for {work.request} was not taken: {answer}")

    def _way(self, work: Work) -> "Callable[[Delivery, Event], None]":
        ways: dict[str, Callable[[Delivery, Event], None]] = {
            INVOKE: partial(self._by_answer, "lambda.Invoke", lambda _, event: self._invoke(event)),
            EXECUTE: self._by_execution,
            EXPRESS: partial(self._by_answer, "states.StartSyncExecution", self._execute),
        }
        return ways.get(STRATEGIES[work.strategy].delivery, self._by_queue)

    def inspect(self, work: Work, records: list[str]) -> dict[str, Any]:
        """What the strategy reads of these records, through a worker like all else. Raises `RuntimeError`."""
        event = self._event(work) | {"step": INSPECT, "state": {"records": records}, "attempt": 1}
        for pause in _pauses(_REDELIVERY_SECONDS, random.Random(self.seed), limit=10):
            status, answer = self._invoke(event)
            if status == "ok":
                return dict(answer)
            time.sleep(pause)
        raise RuntimeError(f"the records of {work.run} cannot be read: {answer}")

    def account(self, work: Work) -> None:
        """Puts into the history what an execution was billed for, where the work was one."""
        if STRATEGIES[work.strategy].delivery != EXECUTE:
            return
        pages = self.deployment.sfn.get_paginator("get_execution_history").paginate(executionArn=self._execution(work))
        events = [event for page in pages for event in page["events"]]
        self.history += execution_ops(events, work.run, work.request)

    def _by_answer(self, call: str, ask: Ask, delivery: "Delivery", event: Event) -> None:
        """Asks, and again as long as the answer is an error."""
        delivery.together.wait()
        pauses = _pauses(_REDELIVERY_SECONDS, delivery.chance)
        for attempt, pause in zip(delivery.attempts(event), pauses, strict=False):
            begun = time.time()
            status, result = ask(delivery.work, event | {"attempt": attempt})
            self._delivered(delivery, event, attempt, call, begun, status, result)
            if status == "ok":
                delivery.settle("ok", event)
            if status == "ok" or delivery.late:
                return
            time.sleep(pause)

    def _invoke(self, event: Mapping[str, Any]) -> tuple[Status, Any]:
        try:
            reply = self.deployment.lambda_.invoke(FunctionName=self.deployment.function, Payload=json.dumps(event))
        except (BotoCoreError, ClientError) as error:
            return "info", str(error)
        answer = json.loads(reply["Payload"].read())
        if "FunctionError" not in reply:
            return "ok", answer
        return ("fail" if answer.get("errorType") in _NOT_APPLIED else "info"), answer

    def _execute(self, work: Work, event: Event) -> tuple[Status, Any]:
        """An Express execution, to its end."""
        try:
            reply = self.deployment.sfn.start_sync_execution(
                stateMachineArn=self._machine(work), input=json.dumps(event)
            )
        except (BotoCoreError, ClientError) as error:
            return "info", str(error)
        return ("ok" if reply["status"] == _SUCCEEDED else "info"), reply.get("error")

    def _by_execution(self, delivery: "Delivery", event: Event) -> None:
        delivery.together.wait()
        begun, attempt = time.time(), next(delivery.attempts(event))
        for pause in _pauses(_REDELIVERY_SECONDS, delivery.chance):
            status, result = self._start(delivery.work, event)
            if status != "info" or delivery.late:
                break
            time.sleep(pause)
        self._delivered(delivery, event, attempt, "states.StartExecution", begun, status, result)
        self._await_end(delivery, event)

    def _start(self, work: Work, event: Event) -> tuple[Status, Any]:
        try:
            reply = self.deployment.sfn.start_execution(
                stateMachineArn=self._machine(work), name=work.request, input=json.dumps(event)
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            return ("fail" if code == "ExecutionAlreadyExists" else "info"), code
        except BotoCoreError as error:
            return "info", str(error)
        return "ok", reply["executionArn"]

    def _await_end(self, delivery: "Delivery", event: Event) -> None:
        arn = self._execution(delivery.work)
        for pause in _pauses(_POLL_SECONDS, delivery.chance):
            if delivery.outcome or delivery.late:
                return
            status = self._status(arn)
            if status != _RUNNING:
                delivery.settle("ok" if status == _SUCCEEDED else "info", event)
                return
            time.sleep(pause)

    def _status(self, arn: str) -> str:
        try:
            return str(self.deployment.sfn.describe_execution(executionArn=arn)["status"])
        except (BotoCoreError, ClientError):
            return _RUNNING  # As far as this client knows; it asks again.

    def _machine(self, work: Work) -> str:
        return self.deployment.machines[work.workload, STRATEGIES[work.strategy].machine]

    def _execution(self, work: Work) -> str:
        return f"{self._machine(work).replace(':stateMachine:', ':execution:')}:{work.request}"

    def _by_queue(self, delivery: "Delivery", event: Event) -> None:
        """Sends the message; who takes it from the queue carries it on, and says when the last step is done."""
        delivery.together.wait()
        begun, attempt = time.time(), next(delivery.attempts(event))
        try:
            self.queues.send(delivery, event)
            status: Status = "ok"
        except (BotoCoreError, ClientError):
            status = "info"
        delivery.done.wait(max(delivery.deadline - time.time(), 0))
        self._delivered(delivery, event, attempt, "sqs.SendMessage", begun, status, None)

    def _events(self, work: Work) -> list[Event]:
        """What is delivered for it, at once: a copy of each branch for each copy. What breaks one breaks the first."""
        event, branches = self._event(work), WORKLOADS[work.workload].branches
        if branches == 1:
            return [event] * work.copies
        if STRATEGIES[work.strategy].delivery in (EXECUTE, EXPRESS):
            return [event | {"state": event["state"] | {"branches": list(range(branches))}}] * work.copies
        first, *others = [event | {"state": event["state"] | {"branch": branch}} for branch in range(branches)]
        return [first, *(other | {"fault": None} for other in others)] * work.copies

    def _event(self, work: Work) -> dict[str, Any]:
        return {
            "run": work.run, "request": work.request, "workload": work.workload, "strategy": work.module,
            "seed": self.seed, "fault": work.fault, "redis": STRATEGIES[work.strategy].redis,
            "state": {"record": work.record},
        }  # fmt: skip

    def _delivered(
        self, delivery: "Delivery", event: Event, attempt: int, call: str, begun: float, status: Status, result: Any
    ) -> None:
        work = delivery.work
        self.history.append(
            Op(
                id=f"{work.request}/{DELIVER}/{part(event)}/{attempt}", run=work.run, request=work.request,
                attempt=attempt, worker=_CLIENT, key=work.request, kind=DELIVER, call=call, result=result,
                intended_at=begun, invoked_at=begun, returned_at=time.time(), status=status,
            )
        )  # fmt: skip


class Delivery:
    """What the copies and branches of one request share. `outcome` is None as long as nobody was told one."""

    def __init__(self, work: Work, events: list[Event], deadline: float, chance: str) -> None:
        self.work = work
        self.events = events
        self.deadline = deadline
        self.chance = random.Random(chance)
        self.together = threading.Barrier(len(events))
        self.done = threading.Event()
        self.outcome: Status | None = None
        self._attempts = {part(event): itertools.count(1) for event in events}
        self._open = set(self._attempts)

    @property
    def late(self) -> bool:
        return time.time() > self.deadline

    def attempts(self, event: Event) -> Iterator[int]:
        """The numbers of the attempts at an event; copies of one go on with the same count."""
        return self._attempts[part(event)]

    def settle(self, outcome: Status, event: Event) -> None:
        """An event has come to its end; the last one's is that of the request."""
        self._open.discard(part(event))
        if not self._open:
            self.outcome = self.outcome or outcome
            self.done.set()


def part(event: Event) -> int:
    """The branch that an event is about; those without branches are all about one."""
    return int(event["state"].get("branch", 0))


def _pauses(seconds: tuple[float, float], chance: random.Random, limit: int | None = None) -> Iterator[float]:
    pause, most = seconds
    for _ in itertools.count() if limit is None else range(limit):
        yield chance.uniform(pause / 2, pause)
        pause = min(pause * 1.5, most)


def _acknowledgement(work: Work, begun: float, delivery: Delivery) -> Op:
    """The request as a whole. Without an outcome nobody saw it return: it is stuck."""
    return Op(
        id=f"{work.request}/{ACKNOWLEDGE}", run=work.run, request=work.request, attempt=1,
        worker=_CLIENT, key=work.request, kind=ACKNOWLEDGE, intended_at=begun, invoked_at=begun,
        returned_at=time.time() if delivery.outcome else None, status=delivery.outcome or "info",
    )  # fmt: skip
