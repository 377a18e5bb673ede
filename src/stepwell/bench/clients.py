"""The clients: each carries a request to its end as AWS's event sources do, and records what it was told.

A queue or an asynchronous invocation delivers at least once and again after an error, one and two minutes later. These
clients do the same within seconds, because a person waits for the answer.
"""

import itertools
import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stepwell.bench.deploy import Deployment
from stepwell.bench.history import ACKNOWLEDGE, DELIVER, Op, Status

PATIENCE_SECONDS = 12.0
"""How long a client carries on with one request; more than three lives of a claim."""

_REDELIVERY_SECONDS = (0.05, 0.5)
_POLL_SECONDS = (0.02, 0.2)
_NOT_APPLIED = frozenset({"Conflict", "InProgress"})
_RUNNING, _SUCCEEDED = "RUNNING", "SUCCEEDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One request: what `function` (count or charge) is to do under `strategy`, delivered `copies` times at once.

    With `machine` an execution of it does the work, without one the function is invoked.
    """

    run: str
    request: str
    strategy: str
    function: str
    machine: str | None = None
    copies: int = 1
    fault: str | None = None
    counter: str | None = None


@dataclass(slots=True)
class Clients:
    """Performs works from many threads; `history` grows with what they see. `seed` decides on their pauses."""

    deployment: Deployment
    seed: int
    history: list[Op] = field(default_factory=list)

    def perform(self, work: Work) -> None:
        """Carries one request to its end, or to the end of a client's patience."""
        begun = time.time()
        delivery = _Delivery(work, begun + PATIENCE_SECONDS, random.Random(f"{self.seed}/{work.request}"))
        deliver = self._by_execution if work.machine else self._by_function
        others = [threading.Thread(target=deliver, args=(delivery,)) for _ in range(work.copies - 1)]
        for other in others:
            other.start()
        deliver(delivery)
        for other in others:
            other.join()
        self.history.append(_acknowledgement(work, begun, delivery))

    def _by_function(self, delivery: "_Delivery") -> None:
        delivery.together.wait()
        for attempt, pause in zip(delivery.attempts, _pauses(_REDELIVERY_SECONDS, delivery.chance), strict=False):
            begun = time.time()
            status, result = self._invoke(delivery.work, attempt)
            self.history.append(_delivered(delivery.work, attempt, begun, status, result))
            if status == "ok":
                delivery.outcome = "ok"
            if status == "ok" or time.time() > delivery.deadline:
                return
            time.sleep(pause)

    def _invoke(self, work: Work, attempt: int) -> tuple[Status, Any]:
        try:
            reply = self.deployment.lambda_.invoke(
                FunctionName=self.deployment.functions[work.function],
                Payload=json.dumps(self._event(work) | {"attempt": attempt}),
            )
        except (BotoCoreError, ClientError) as error:
            return "info", str(error)
        answer = json.loads(reply["Payload"].read())
        if "FunctionError" not in reply:
            return "ok", answer
        return ("fail" if answer.get("errorType") in _NOT_APPLIED else "info"), answer

    def _by_execution(self, delivery: "_Delivery") -> None:
        delivery.together.wait()
        begun, attempt = time.time(), next(delivery.attempts)
        status, result = self._start(delivery.work)
        self.history.append(_delivered(delivery.work, attempt, begun, status, result))
        if status != "info":
            self._await_end(delivery)

    def _start(self, work: Work) -> tuple[Status, Any]:
        assert work.machine is not None
        try:
            reply = self.deployment.sfn.start_execution(
                stateMachineArn=self.deployment.machines[work.machine],
                name=work.request,
                input=json.dumps(self._event(work)),
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            return ("fail" if code == "ExecutionAlreadyExists" else "info"), code
        except BotoCoreError as error:
            return "info", str(error)
        return "ok", reply["executionArn"]

    def _await_end(self, delivery: "_Delivery") -> None:
        assert delivery.work.machine is not None
        machine = self.deployment.machines[delivery.work.machine]
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{delivery.work.request}"
        for pause in _pauses(_POLL_SECONDS, delivery.chance):
            if delivery.outcome or time.time() > delivery.deadline:
                return
            status = self._status(arn)
            if status != _RUNNING:
                delivery.outcome = "ok" if status == _SUCCEEDED else "info"
                return
            time.sleep(pause)

    def _status(self, arn: str) -> str:
        try:
            return str(self.deployment.sfn.describe_execution(executionArn=arn)["status"])
        except (BotoCoreError, ClientError):
            return _RUNNING  # As far as this client knows; it asks again.

    def _event(self, work: Work) -> dict[str, Any]:
        event = {name: getattr(work, name) for name in ("run", "request", "strategy", "fault", "counter")}
        return event | {"seed": self.seed}


class _Delivery:
    """What the copies of one request share. `outcome` is None as long as nobody was told one."""

    def __init__(self, work: Work, deadline: float, chance: random.Random) -> None:
        self.work = work
        self.deadline = deadline
        self.chance = chance
        self.attempts = itertools.count(1)
        self.together = threading.Barrier(work.copies)
        self.outcome: Status | None = None


def _pauses(seconds: tuple[float, float], chance: random.Random) -> Iterator[float]:
    pause, most = seconds
    while True:
        yield chance.uniform(pause / 2, pause)
        pause = min(pause * 1.5, most)


def _delivered(work: Work, attempt: int, begun: float, status: Status, result: Any) -> Op:
    return Op(
        id=f"{work.request}/{DELIVER}/{attempt}", run=work.run, request=work.request, attempt=attempt,
        worker="client", key=work.request, kind=DELIVER, result=result,
        intended_at=begun, invoked_at=begun, returned_at=time.time(), status=status,
    )  # fmt: skip


def _acknowledgement(work: Work, begun: float, delivery: _Delivery) -> Op:
    """The request as a whole. Without an outcome nobody saw it return: it is stuck."""
    return Op(
        id=f"{work.request}/{ACKNOWLEDGE}", run=work.run, request=work.request, attempt=1,
        worker="client", key=work.request, kind=ACKNOWLEDGE, intended_at=begun, invoked_at=begun,
        returned_at=time.time() if delivery.outcome else None, status=delivery.outcome or "info",
    )  # fmt: skip
