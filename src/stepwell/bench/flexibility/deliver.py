"""Carries orders to their end in the way of their strategy: by invocations, by executions, or through a queue.

As the benchmark's own clients and pollers do, with the flow's idea of which message is the last: the order is done when
an invocation answers with its mail or its refund.
"""

import itertools
import json
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stepwell.bench.flexibility import changes
from stepwell.bench.flexibility.bed import Bed
from stepwell.bench.history import ACKNOWLEDGE, DELIVER, Op, Status

PATIENCE_SECONDS = 30.0

_POLLERS = {"queue": 6, "fifo": 6}
_PAUSE_SECONDS = (0.05, 0.4)
_WAIT_SECONDS = 1
_AGAIN_SECONDS = 0
_RUNNING, _SUCCEEDED = "RUNNING", "SUCCEEDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One request to a version under a strategy, delivered `copies` times at once. `state` is the order itself."""

    run: str
    request: str
    strategy: str
    version: str
    state: Mapping[str, Any]
    copies: int = 1
    fault: Mapping[str, Any] | None = None

    @property
    def event(self) -> dict[str, Any]:
        return {
            "run": self.run, "request": self.request, "strategy": changes.module(self.strategy),
            "workload": changes.workload(self.version), "flow": changes.flow(self.strategy, self.version),
            "seed": 0, "fault": self.fault, "state": dict(self.state),
        }  # fmt: skip


@dataclass(slots=True)
class _Delivery:
    """What the copies of an order share."""

    order: Order
    deadline: float
    together: threading.Barrier
    attempts: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    done: threading.Event = field(default_factory=threading.Event)
    failed: bool = False

    @property
    def open(self) -> bool:
        return time.time() < self.deadline


@dataclass(slots=True)
class Deliveries:
    """Of one bed; used by many threads. `history` has what the clients and pollers saw."""

    bed: Bed
    history: list[Op] = field(default_factory=list)
    _waiting: dict[str, _Delivery] = field(default_factory=dict)
    _closed: threading.Event = field(default_factory=threading.Event)

    def perform(self, order: Order) -> None:
        """Carries one order to its end, or to the end of a client's patience."""
        begun = time.time()
        delivery = _Delivery(order, begun + PATIENCE_SECONDS, threading.Barrier(order.copies))
        self._waiting[order.request] = delivery
        copies = [threading.Thread(target=self._copy, args=(delivery,)) for _ in range(order.copies)]
        for copy in copies:
            copy.start()
        for copy in copies:
            copy.join()
        ended = delivery.done.is_set() or delivery.failed
        status: Status = "ok" if delivery.done.is_set() else "info"
        self._note(order, ACKNOWLEDGE, 1, "", begun, time.time() if ended else None, status)

    def _copy(self, delivery: _Delivery) -> None:
        way = changes.WAYS[delivery.order.strategy]
        delivery.together.wait()
        if way == changes.FUNCTION:
            self._invoke(delivery)
        elif way == changes.MACHINE:
            self._execute(delivery)
        else:
            self._send(delivery, way)

    def _invoke(self, delivery: _Delivery) -> None:
        for attempt, pause in zip(delivery.attempts, _pauses(delivery.order.request), strict=False):
            begun = time.time()
            status, _ = self.bed.invoke(delivery.order.event | {"attempt": attempt})
            self._note(delivery.order, DELIVER, attempt, "lambda.Invoke", begun, time.time(), status)
            if status == "ok":
                delivery.done.set()
            if status == "ok" or not delivery.open:
                return
            time.sleep(pause)

    def _execute(self, delivery: _Delivery) -> None:
        order, begun, attempt = delivery.order, time.time(), next(delivery.attempts)
        machine = self.bed.machines[order.strategy, order.version]
        status: Status = "ok"
        try:
            self.bed.sfn.start_execution(stateMachineArn=machine, name=order.request, input=json.dumps(order.event))
        except self.bed.sfn.exceptions.ExecutionAlreadyExists:
            status = "fail"
        except (BotoCoreError, ClientError):
            status = "info"
        execution = f"{machine.replace(':stateMachine:', ':execution:')}:{order.request}"
        for pause in _pauses(order.request):
            found = self._status(execution)
            if found != _RUNNING or not delivery.open:
                break
            time.sleep(pause)
        if found == _SUCCEEDED:
            delivery.done.set()
        delivery.failed |= found not in (_RUNNING, _SUCCEEDED)
        self._note(order, DELIVER, attempt, "states.StartExecution", begun, time.time(), status)

    def _status(self, execution: str) -> str:
        try:
            return str(self.bed.sfn.describe_execution(executionArn=execution)["status"])
        except (BotoCoreError, ClientError):
            return _RUNNING  # As far as this client knows; it asks again.

    def _send(self, delivery: _Delivery, way: str) -> None:
        order, begun, attempt = delivery.order, time.time(), next(delivery.attempts)
        url = self.bed.queues["fifo" if way == changes.WRITER else "queue"]
        # The same order sent twice has one deduplication id, which is what a producer would give it. An order of
        # several lines is an entity of its own, any other belongs to its article.
        group = order.request if "lines" in order.state else order.state["record"]
        fifo = {"MessageGroupId": group, "MessageDeduplicationId": order.request} if way == changes.WRITER else {}
        status: Status = "ok"
        try:
            self.bed.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(order.event), **fifo)
        except (BotoCoreError, ClientError):
            status = "info"
        delivery.done.wait(max(delivery.deadline - time.time(), 0))
        self._note(order, DELIVER, attempt, "sqs.SendMessage", begun, time.time(), status)

    @contextmanager
    def polled(self) -> Iterator[None]:
        """Pollers at work on the queues."""
        threads = [
            threading.Thread(target=self._poll, args=(self.bed.queues[name],))
            for name, count in _POLLERS.items()
            for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._closed.set()
            for thread in threads:
                thread.join()

    def _poll(self, url: str) -> None:
        while not self._closed.is_set():
            try:
                received = self.bed.sqs.receive_message(
                    QueueUrl=url, MaxNumberOfMessages=1, WaitTimeSeconds=_WAIT_SECONDS,
                    MessageSystemAttributeNames=["ApproximateReceiveCount"],
                )  # fmt: skip
                for message in received.get("Messages", ()):
                    self._pass_on(url, message)
            except (BotoCoreError, ClientError):
                time.sleep(0.1)

    def _pass_on(self, url: str, message: Mapping[str, Any]) -> None:
        event = json.loads(message["Body"])
        attempt = int(message["Attributes"]["ApproximateReceiveCount"])
        status, answer = self.bed.invoke(event | {"attempt": attempt})
        handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
        if status != "ok":
            self.bed.sqs.change_message_visibility(**handle, VisibilityTimeout=_AGAIN_SECONDS)
            time.sleep(0.1)
            return
        self.bed.sqs.delete_message(**handle)
        if "email" in answer or "refund" in answer:
            self._waiting[event["request"]].done.set()

    def _note(
        self, order: Order, kind: str, attempt: int, call: str, begun: float, ended: float | None, status: Status
    ) -> None:
        self.history.append(
            Op(
                id=f"{order.request}/{kind}/{attempt}", run=order.run, request=order.request, attempt=attempt,
                worker="client", key=order.request, kind=kind, call=call, intended_at=begun, invoked_at=begun,
                returned_at=ended, status=status,
            )
        )  # fmt: skip


def _pauses(request: str) -> Iterator[float]:
    chance = random.Random(request)
    pause, most = _PAUSE_SECONDS
    while True:
        yield chance.uniform(pause / 2, pause)
        pause = min(pause * 1.5, most)
