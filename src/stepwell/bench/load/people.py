"""The people whom an approval asks: they find their mail at the sink and say yes after a moment, or say nothing."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from stepwell.bench.catalog import NO_CALLBACK
from stepwell.bench.history import Fired
from stepwell.bench.load.clients import Clients
from stepwell.bench.worker.workloads.approval import ASK

PEOPLE = 16
"""At once; each is at one mail at a time."""

THINK_SECONDS = 0.3
_LOOK_SECONDS = 0.05


class Mail(msgspec.Struct, frozen=True):
    """An effect as the sink has it; `token` is an orchestrator's for the answer."""

    run: str
    request: str
    type: str
    at: float
    token: str | None = None


@dataclass(slots=True)
class People:
    """`mailbox` is the sink's file of effects. `fired` has the mails that were to be left unanswered, and were."""

    clients: Clients
    mailbox: Path
    fired: list[Fired] = field(default_factory=list)
    _closed: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Raises in the end what kept one of them from answering: a request that waits for that says nothing."""
        with ThreadPoolExecutor(PEOPLE + 1) as pool:
            reading = pool.submit(self._read, pool)
            try:
                yield
            finally:
                self._closed.set()
            for handled in reading.result():
                handled.result()

    def _read(self, pool: Executor) -> "list[Future[None]]":
        decoder, position = msgspec.json.Decoder(Mail), 0
        handled = []
        while not self._closed.wait(_LOOK_SECONDS):
            rows, position = _after(self.mailbox, position)
            mails = [mail for mail in map(decoder.decode, rows) if mail.type == ASK]
            handled += [pool.submit(self._handle, mail) for mail in mails]
        return handled

    def _handle(self, mail: Mail) -> None:
        work = self.clients.works[mail.request]
        time.sleep(max(mail.at + THINK_SECONDS - time.time(), 0))
        if work.fault and work.fault["name"] == NO_CALLBACK:
            self.fired.append(
                Fired(fault=NO_CALLBACK, run=mail.run, request=mail.request, worker="person", at=time.time())
            )
        else:
            self.clients.answer(work, mail.token)


def _after(path: Path, position: int) -> tuple[list[bytes], int]:
    """The whole lines that have come since, and where they end."""
    if not path.exists():
        return [], position
    with path.open("rb") as file:
        file.seek(position)
        whole, end, _ = file.read().rpartition(b"\n")
    return whole.splitlines(), position + len(whole) + len(end)
