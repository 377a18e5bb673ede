"""Carries requests to a person's function or state machine as AWS's event sources do: again until it is done."""

import json
import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stepwell.bench.history import ACKNOWLEDGE, DELIVER, Op, Status
from stepwell.bench.own.bed import Bed
from stepwell.bench.own.identity import personal, run_of
from stepwell.bench.own.state import Prototype

_PAUSE_SECONDS = (0.05, 0.5)
_POLL_SECONDS = 0.05
_COLD_SECONDS = 5.0
"""Of a machine that is not known yet."""

_CLIENT = "client"
_KEPT_CHARACTERS = 2000
"""Of what a function says when it fails."""


@dataclass(slots=True)
class Deliveries:
    """Of one prototype. `event` is the text of the person's; `history` grows with what its clients see."""

    bed: Bed
    prototype: Prototype
    event: str
    seed: int
    cold_seconds: float = _COLD_SECONDS
    history: list[Op] = field(default_factory=list)
    _executions: dict[str, str] = field(default_factory=dict)

    @property
    def patience_seconds(self) -> float:
        """How long a client carries on: three lives of a claim, and four cold starts of this machine, busy as it is."""
        return 3 * self.bed.state.function_seconds + 4 * self.cold_seconds

    def warm(self, request: str) -> bool:
        """Delivers a first request, which tells how long a cold start takes here; whether it was acknowledged."""
        begun = time.monotonic()
        self.perform(request)
        self.cold_seconds = max(time.monotonic() - begun, 1.0)
        return self.history[-1].status == "ok"

    def perform(self, request: str, copies: int = 1) -> None:
        """Delivers one request so many times at once, each until it is answered or patience ends."""
        begun = time.time()
        delivery = _Delivery(request, personal(self.event, self.bed.state.vary, request), begun, copies)
        others = [threading.Thread(target=self._deliver, args=(delivery, number)) for number in range(2, copies + 1)]
        for other in others:
            other.start()
        self._deliver(delivery, 1)
        for other in others:
            other.join()
        done = delivery.outcome
        self.history.append(_op(request, ACKNOWLEDGE, 1, begun, done or "info", None, ended=done is not None))

    def _deliver(self, delivery: "_Delivery", copy: int) -> None:
        delivery.together.wait()
        chance = random.Random(f"{self.seed}/{delivery.request}/{copy}")
        ends, attempt = delivery.begun + self.patience_seconds, copy
        target = self.bed.names[self.prototype.start]
        carry = self._execute if ":stateMachine:" in target else self._invoke
        while True:
            begun = time.time()
            status, result = carry(target, delivery, ends)
            self.history.append(_op(delivery.request, DELIVER, attempt, begun, status, result, ended=True))
            delivery.settle(status)
            if status != "info" or time.time() > ends:
                return
            attempt += delivery.copies
            time.sleep(chance.uniform(*_PAUSE_SECONDS))

    def _invoke(self, function: str, delivery: "_Delivery", ends: float) -> tuple[Status, Any]:
        """An error is tried again, so it is never the end."""
        try:
            reply = self.bed.lambda_.invoke(FunctionName=function, Payload=delivery.event)
        except (BotoCoreError, ClientError) as error:
            return "info", str(error)
        answer = json.loads(reply["Payload"].read())
        return ("info", json.dumps(answer)[:_KEPT_CHARACTERS]) if "FunctionError" in reply else ("ok", None)

    def _execute(self, machine: str, delivery: "_Delivery", ends: float) -> tuple[Status, Any]:
        """A machine tries again by itself: one that failed has failed, as far as the client knows."""
        sfn = self.bed.sfn
        named = {"name": delivery.request} if self.prototype.named else {}
        try:
            arn = sfn.start_execution(stateMachineArn=machine, input=delivery.event, **named)["executionArn"]
        except sfn.exceptions.ExecutionAlreadyExists:
            arn = f"{machine.replace(':stateMachine:', ':execution:')}:{delivery.request}"
        except (BotoCoreError, ClientError) as error:
            return "info", str(error)
        self._executions[delivery.request] = arn
        while time.time() < ends:
            try:
                found = sfn.describe_execution(executionArn=arn)
            except (BotoCoreError, ClientError):
                found = {"status": "RUNNING"}
            if found["status"] != "RUNNING":
                if found["status"] == "SUCCEEDED":
                    return "ok", None
                return "fail", f"{found['status']}: {found.get('error')}: {found.get('cause')}"[:_KEPT_CHARACTERS]
            time.sleep(_POLL_SECONDS)
        return "info", "still running"

    def transitions(self, requests: Iterable[str]) -> list[Op]:
        """How many states the executions of these requests have entered, which is what AWS bills."""
        return [self._entered(request) for request in requests if request in self._executions]

    def _entered(self, request: str) -> Op:
        pages = self.bed.sfn.get_paginator("get_execution_history").paginate(executionArn=self._executions[request])
        events = [event for page in pages for event in page["events"]]
        at, ended = events[0]["timestamp"].timestamp(), events[-1]["timestamp"].timestamp()
        return Op(
            id=f"{request}/transitions", run=run_of(request), request=request, attempt=1, worker=_CLIENT, key=request,
            kind="transition", call="states.Transition", intended_at=at, invoked_at=at, returned_at=ended, status="ok",
            count=sum(event["type"].endswith("StateEntered") for event in events),
        )  # fmt: skip


class _Delivery:
    """What the copies of a request share. One success counts, and a failure only where there is none."""

    def __init__(self, request: str, event: str, begun: float, copies: int) -> None:
        self.request = request
        self.event = event
        self.begun = begun
        self.copies = copies
        self.together = threading.Barrier(copies)
        self.outcome: Status | None = None

    def settle(self, status: Status) -> None:
        if status == "ok" or (status == "fail" and self.outcome is None):
            self.outcome = status


def _op(request: str, kind: str, attempt: int, begun: float, status: Status, result: Any, *, ended: bool) -> Op:
    return Op(
        id=f"{request}/{kind}/{attempt}", run=run_of(request), request=request, attempt=attempt, worker=_CLIENT,
        key=request, kind=kind, call="", result=result, intended_at=begun,
        invoked_at=begun, returned_at=time.time() if ended else None, status=status,
    )  # fmt: skip
