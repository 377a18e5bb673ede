"""One sandbox: one worker process that runs one function, one invocation at a time.

The process is the leader of a group of its own, so that whatever the handler starts is frozen, limited and killed with
it. What leaves the group (a child that calls setsid) is beyond our reach; docs/security.md says so.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from stepwell.functions.channel import ERROR, INIT_ERROR, NEXT, RESPONSE, Channel
from stepwell.functions.logs import Splitter
from stepwell.functions.memory import GROUP_EVERY, POLL_SECONDS, MemoryGauge

MAX_RESPONSE_BYTES = 6_291_556
"""AWS's limit on the payload of a response: 6 MB and 100 bytes, as its own error message says."""

_READ_BYTES = 1 << 16
_SETTLE_SECONDS = 0.02
_LAST_WORDS_SECONDS = 0.1
_EXIT_SECONDS = 2.0
_BOOTSTRAP = Path(__file__).with_name("runtime") / "bootstrap.py"


@dataclass(frozen=True, slots=True)
class Launch:
    """How the workers of one function version are started; equal for all of them but for the temporary folder.

    `memory_bytes` is MemorySize. `user` is the unprivileged (uid, gid), or None to run as the server does.
    """

    handler: str
    task_root: Path
    environment: Mapping[str, str]
    memory_bytes: int
    runtime_path: Path
    temporary_root: Path
    user: tuple[int, int] | None


class Ending(Enum):
    """How a phase of a worker's life, its initialization or one invocation, ended."""

    READY = auto()
    RESPONSE = auto()
    ERROR = auto()
    INIT_ERROR = auto()
    EXIT = auto()
    TIMEOUT = auto()
    OUT_OF_MEMORY = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """`body` is what the runtime posted (RESPONSE, ERROR, INIT_ERROR); `exit_code` as `Popen.returncode` (EXIT)."""

    ending: Ending
    body: bytes = b""
    exit_code: int = 0


_OF_FRAME = {RESPONSE: Ending.RESPONSE, ERROR: Ending.ERROR, INIT_ERROR: Ending.INIT_ERROR}


class Sandbox:
    """Start with `await Sandbox.start(...)`; all methods belong to the event loop that did so.

    `alive` is False once the process ended; `idle` is True while it waits, frozen, for its next invocation.
    """

    def __init__(self, launch: Launch, clock: Callable[[], float], on_change: Callable[["Sandbox"], None]) -> None:
        self._launch = launch
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._splitter = Splitter(clock)
        self._records: list[tuple[float, str]] = []
        self._phase: asyncio.Future[Outcome] = self._loop.create_future()
        self._settled = asyncio.Event()
        self._exited = False
        self._channel = Channel(self._on_frame, self._on_channel_lost, MAX_RESPONSE_BYTES)
        self._temporary = Path(tempfile.mkdtemp(prefix="sandbox-", dir=launch.temporary_root))
        self._socket, theirs = socket.socketpair()
        control, self._control = os.pipe()
        self._output, output = os.pipe()
        try:
            self._process = self._spawn(theirs.fileno(), control, output)
        except OSError:
            self._socket.close()
            os.close(self._control)
            os.close(self._output)
            self._temporary.rmdir()
            raise
        finally:
            theirs.close()
            os.close(control)
            os.close(output)
        self._gauge = MemoryGauge(self._process.pid)
        self._exit_watch = os.pidfd_open(self._process.pid) if sys.platform == "linux" else -1
        self.alive = True
        self.idle = False
        self.max_memory_bytes = 0

    @classmethod
    async def start(
        cls, launch: Launch, clock: Callable[[], float], on_change: Callable[["Sandbox"], None]
    ) -> "Sandbox":
        """Start the process; it is not `ready()` yet. `on_change` is called when it becomes idle and when it ends.

        Raises `OSError` when the system cannot start it.
        """
        sandbox = cls(launch, clock, on_change)
        await sandbox._attach()
        return sandbox

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ready(self, timeout_seconds: float) -> Outcome:
        """Wait until the handler is imported: READY, or how that failed. After a failure the process is gone."""
        return await self._run_phase(timeout_seconds)

    async def invoke(self, headers: Mapping[str, str], payload: bytes, timeout_seconds: float) -> Outcome:
        """Run one invocation in a sandbox that is idle. `headers` are those of the Runtime API's next call."""
        self.idle = False
        self._phase = self._loop.create_future()
        self._settled.clear()
        self._signal(signal.SIGCONT)
        self._channel.send_invocation(headers, payload)
        outcome = await self._run_phase(timeout_seconds)
        if not self._settled.is_set():
            # The runtime asks for its next invocation right after it responds. Waiting for that here lets a caller who
            # comes back at once find this sandbox idle; one that dawdles is returned to the pool when it does ask.
            waiting = self._loop.call_later(_SETTLE_SECONDS, self._settled.set)
            await self._settled.wait()
            waiting.cancel()
        return outcome

    def take_records(self) -> list[tuple[float, str]]:
        """The (time, text) log records since the last call, also those still in the pipe."""
        self._read_output()
        records, self._records = [*self._records, *self._splitter.flush()], []
        return records

    def kill(self) -> None:
        """End the whole process group now; `alive` turns False when that has happened."""
        self.idle = False
        self._signal(signal.SIGKILL)

    def _spawn(self, channel: int, control: int, output: int) -> "subprocess.Popen[bytes]":
        launch = self._launch
        settings = {
            "channel": channel,
            "control": control,
            "user": launch.user,
            "runtime_path": str(launch.runtime_path),
            "task_root": str(launch.task_root),
            "handler": launch.handler,
        }
        if launch.user:
            os.chown(self._temporary, *launch.user)
            os.fchown(output, *launch.user)  # Or the handler could not open /dev/stdout.
        return subprocess.Popen(
            [sys.executable, "-P", str(_BOOTSTRAP), json.dumps(settings)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(channel, control),
            process_group=0,
            cwd=launch.task_root,
            env={
                **launch.environment,
                "TMPDIR": str(self._temporary),
                # Not AWS's, but without it libraries would find the settings and secrets of whoever runs the server.
                "HOME": str(self._temporary),
            },
        )

    async def _attach(self) -> None:
        os.set_blocking(self._output, False)
        self._loop.add_reader(self._output, self._read_output)
        await self._loop.create_unix_connection(lambda: self._channel, sock=self._socket)
        if self._exit_watch >= 0:
            self._loop.add_reader(self._exit_watch, self._on_exit)
        else:
            threading.Thread(target=self._wait_for_exit, daemon=True).start()

    def _wait_for_exit(self) -> None:
        self._process.wait()
        try:
            self._loop.call_soon_threadsafe(self._on_exit)
        except RuntimeError:
            pass  # The loop is closed, and nobody is left to tell.

    async def _run_phase(self, timeout_seconds: float) -> Outcome:
        if not self.alive:
            return Outcome(Ending.EXIT, exit_code=self._process.returncode)
        timeout = self._loop.call_later(timeout_seconds, self._end, Outcome(Ending.TIMEOUT))
        self._memory_timer = self._loop.call_later(POLL_SECONDS, self._watch_memory, 1)
        try:
            return await self._phase
        except asyncio.CancelledError:
            self.kill()
            raise
        finally:
            timeout.cancel()
            self._memory_timer.cancel()
            self.max_memory_bytes = max(self.max_memory_bytes, self._gauge.process_bytes())

    def _end(self, outcome: Outcome) -> None:
        """Give the running phase its outcome; all but a reply of the runtime end the process too."""
        if outcome.ending in (Ending.TIMEOUT, Ending.OUT_OF_MEMORY):
            self.kill()
        if not self._phase.done():
            self._phase.set_result(outcome)

    def _on_frame(self, kind: bytes, body: bytes) -> None:
        if kind == NEXT:
            self._freeze()
        elif kind in _OF_FRAME:
            self._end(Outcome(_OF_FRAME[kind], body))
        else:
            self.kill()

    def _freeze(self) -> None:
        """Only now: until the runtime asks for more, what the handler left running is part of its invocation."""
        self._signal(signal.SIGSTOP)
        self.idle = True
        self._settled.set()
        self._end(Outcome(Ending.READY))
        self._on_change(self)

    def _watch_memory(self, count: int) -> None:
        used = self._gauge.process_bytes() if count % GROUP_EVERY else self._gauge.group_bytes()
        self.max_memory_bytes = max(self.max_memory_bytes, used)
        if used > self._launch.memory_bytes:
            self._end(Outcome(Ending.OUT_OF_MEMORY))
        else:
            self._memory_timer = self._loop.call_later(POLL_SECONDS, self._watch_memory, count + 1)

    def _read_output(self) -> None:
        while self._output >= 0:
            try:
                data = os.read(self._output, _READ_BYTES)
            except BlockingIOError:
                return
            if data:
                self._records += self._splitter.feed(data)
            else:
                self._close_output()

    def _close_output(self) -> None:
        if self._output >= 0:
            self._loop.remove_reader(self._output)
            os.close(self._output)
            self._output = -1

    def _on_exit(self) -> None:
        """The leader ended. Its group is killed before it is reaped: the pid of a zombie is not used again."""
        if self._exit_watch >= 0:
            self._loop.remove_reader(self._exit_watch)
            os.close(self._exit_watch)
        self._signal(signal.SIGKILL)
        self._exited = True
        # A reply may still be in the channel; a child that left the group can hold its other end open for ever.
        self._reaping = self._loop.call_later(_LAST_WORDS_SECONDS, self._channel.close)
        if self._channel.lost:
            self._reap()

    def _on_channel_lost(self) -> None:
        if self._exited:
            self._reap()
        else:
            # An interpreter that exits closes its files first, and its exit code is worth waiting for.
            self._loop.call_later(_EXIT_SECONDS, self.kill)

    def _reap(self) -> None:
        self._reaping.cancel()
        self.alive = self.idle = False
        self._process.wait()
        self._read_output()
        self._close_output()
        os.close(self._control)
        self._gauge.close()
        self._settled.set()
        self._end(Outcome(Ending.EXIT, exit_code=self._process.returncode))
        self._loop.run_in_executor(None, shutil.rmtree, self._temporary, True)
        self._on_change(self)

    def _signal(self, number: signal.Signals) -> None:
        if not self.alive:
            return
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # It ended and is being reaped; macOS says "not permitted" of a group of zombies.
