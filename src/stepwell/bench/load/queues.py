"""What AWS's event source mapping does: takes messages from a queue, invokes the function with each, deletes it.

One that failed becomes visible again, here after a moment rather than after its time-out, until nobody waits for it any
more: then it is dropped, as what goes to a dead-letter queue is. A FIFO queue gives one
message of a group at a time, and the next when that was deleted.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from stepwell.bench.catalog import FIFO, QUEUE, STRATEGIES, WORKLOADS
from stepwell.bench.history import Op, Status
from stepwell.bench.load.deploy import Deployment

if TYPE_CHECKING:
    from stepwell.bench.load.clients import Delivery

POLLERS = {QUEUE: 10, FIFO: 6}
"""At once, and with it how many invocations a queue keeps going."""

_WAIT_SECONDS = 1
_AGAIN_SECONDS = 0
_Message = dict[str, Any]


@dataclass(slots=True)
class Queues:
    """The pollers of one run. `history` is where they record what they delivered."""

    deployment: Deployment
    history: list[Op] = field(default_factory=list)
    _waiting: "dict[str, Delivery]" = field(default_factory=dict)
    _closed: threading.Event = field(default_factory=threading.Event)

    def send(self, delivery: "Delivery", event: dict[str, Any]) -> None:
        """Puts an event on its strategy's queue; its delivery is settled when the last step was done."""
        work = delivery.work
        self._waiting[work.request] = delivery
        steps = WORKLOADS[work.workload].steps
        if STRATEGIES[work.strategy].delivery == FIFO:
            # The same message sent twice has one deduplication id, which is what a producer would give it.
            message = f"{work.request}-{event['state'].get('branch', 0)}"
            fifo = {"MessageGroupId": work.record, "MessageDeduplicationId": message}
            self._sqs.send_message(QueueUrl=self.deployment.queues["fifo"], MessageBody=json.dumps(event), **fifo)
        else:
            body = json.dumps(event | {"step": steps[0]})
            self._sqs.send_message(QueueUrl=self.deployment.queues["queue"], MessageBody=body)

    @contextmanager
    def polled(self) -> Iterator[None]:
        """Pollers at work."""
        threads = [
            threading.Thread(target=self._poll, args=(self.deployment.queues[queue],))
            for queue, pollers in POLLERS.items()
            for _ in range(pollers)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._closed.set()
            for thread in threads:
                thread.join()

    @property
    def _sqs(self) -> Any:
        return self.deployment.sqs

    def _poll(self, url: str) -> None:
        while not self._closed.is_set():
            try:
                received = self._sqs.receive_message(
                    QueueUrl=url, MaxNumberOfMessages=1, WaitTimeSeconds=_WAIT_SECONDS,
                    MessageSystemAttributeNames=["ApproximateReceiveCount"],
                )  # fmt: skip
                for message in received.get("Messages", ()):
                    self._deliver(url, message)
            except (BotoCoreError, ClientError):
                time.sleep(0.1)

    def _deliver(self, url: str, message: _Message) -> None:
        event = json.loads(message["Body"])
        event["attempt"] = int(message["Attributes"]["ApproximateReceiveCount"])
        self._note(event, message, url, "sqs.ReceiveMessage", time.time(), "ok", None)
        begun = time.time()
        answer, failed = self._invoke(event)
        self._note(event, message, url, "lambda.Invoke", begun, "info" if failed else "ok", answer)
        handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
        delivery = self._waiting.get(event["request"])
        if failed and not (delivery and delivery.late):
            self._sqs.change_message_visibility(**handle, VisibilityTimeout=_AGAIN_SECONDS)
            time.sleep(0.1)
            return
        self._sqs.delete_message(**handle)
        self._note(event, message, url, "sqs.DeleteMessage", time.time(), "ok", None)
        if delivery and not failed and event.get("step") in (None, WORKLOADS[event["workload"]].steps[-1]):
            delivery.settle("ok", event)

    def _invoke(self, event: dict[str, Any]) -> tuple[Any, bool]:
        try:
            reply = self.deployment.lambda_.invoke(FunctionName=self.deployment.function, Payload=json.dumps(event))
        except (BotoCoreError, ClientError) as error:
            return str(error), True
        return json.loads(reply["Payload"].read()), "FunctionError" in reply

    def _note(
        self, event: dict[str, Any], message: _Message, url: str, call: str, begun: float, status: Status, result: Any
    ) -> None:
        """What the poller did, of which only the invocation takes time that is worth having."""
        ended = time.time() if call == "lambda.Invoke" else begun
        self.history.append(
            Op(
                id=f"{message['MessageId']}/{event['attempt']}/{call}", run=event["run"], request=event["request"],
                attempt=event["attempt"], worker="poller", key=url.rpartition("/")[2], kind="poll", call=call,
                result=result, step=event.get("step") or "", intended_at=begun, invoked_at=begun, returned_at=ended,
                status=status, bytes=len(message["Body"]) if call == "sqs.ReceiveMessage" else 0,
            )
        )  # fmt: skip
