"""One invocation from the call to AWS's reply: cold start, run, and what became of it in AWS's words."""

import math
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from stepwell.functions.logs import LogRecord, LogStream, WriteLog, tail
from stepwell.functions.pool import Pool
from stepwell.functions.sandbox import MAX_RESPONSE_BYTES, Ending, Launch, Outcome, Sandbox

INIT_SECONDS = 10.0
"""AWS's limit on the init phase; one that fails or takes longer is repeated within the function's own timeout."""

TASK_ROOT = "/var/task"
"""Where AWS unpacks code, and so what its stack traces say."""


class Invocation(msgspec.Struct, frozen=True):
    """The reply to Invoke. Times are epoch seconds; `function_error` is None when the handler returned."""

    payload: bytes
    function_error: str | None
    executed_version: str
    log_tail: bytes | None
    started_at: float
    finished_at: float
    status_code: int = 200


@dataclass(frozen=True, slots=True)
class Target:
    """A function version, ready to run. `key` changes with everything that its processes depend on."""

    key: str
    arn: str
    version: str
    timeout_seconds: int
    memory_mb: int
    launch: Launch
    log: LogStream


@dataclass(frozen=True, slots=True)
class Call:
    """What a caller wants run. `client_context` is JSON text; `request_id` becomes `aws_request_id`."""

    payload: bytes
    request_id: str
    invoked_arn: str
    trace_id: str
    client_context: str | None = None
    log_tail: bool = False


class Runner:
    """Runs calls in the sandboxes of a pool and logs them as AWS does."""

    def __init__(self, pool: Pool, clock: Callable[[], float], write_log: WriteLog) -> None:
        self._pool = pool
        self._clock = clock
        self._write_log = write_log

    async def run(self, target: Target, call: Call) -> Invocation:
        """The invocation, whatever the function does. Raises `LambdaError` only when no process can be started."""
        attempt = _Attempt(target, call, self._clock)
        try:
            outcome = await self._run(attempt)
        finally:
            self._write_log(target.log, attempt.records)
        return attempt.reply(outcome)

    async def _run(self, attempt: "_Attempt") -> Outcome:
        limit = float(attempt.target.timeout_seconds)
        async with self._lent(attempt.target) as sandbox:
            failed = await attempt.initialize(sandbox, INIT_SECONDS)
            if failed is None:
                attempt.start()
                return await attempt.invoke(sandbox, limit)
            attempt.log_init_report(failed)
        async with self._lent(attempt.target) as sandbox:
            attempt.start()
            begun = time.monotonic()
            failed = await attempt.initialize(sandbox, limit)
            if failed is None:
                return await attempt.invoke(sandbox, limit - (time.monotonic() - begun))
            attempt.finish(sandbox, failed)
            return failed

    @asynccontextmanager
    async def _lent(self, target: Target) -> AsyncIterator[Sandbox]:
        sandbox = await self._pool.acquire(target.key, target.launch)
        try:
            yield sandbox
        finally:
            self._pool.release(sandbox)


class _Attempt:
    """One call on its way: its times and its log."""

    def __init__(self, target: Target, call: Call, clock: Callable[[], float]) -> None:
        self.target = target
        self.call = call
        self.records: list[LogRecord] = []
        self._clock = clock
        self._started_at = self._finished_at = clock()
        self._begun = 0.0
        self._init_seconds: float | None = None

    async def initialize(self, sandbox: Sandbox, timeout_seconds: float) -> Outcome | None:
        """None when the handler is imported, else what went wrong; a sandbox that failed is on its way out."""
        if sandbox.idle:
            return None
        begun = time.monotonic()
        outcome = await sandbox.ready(timeout_seconds)
        if not self._begun:
            self._init_seconds = time.monotonic() - begun
        self._take_records(sandbox)
        if outcome.ending is Ending.READY:
            return None
        sandbox.kill()
        return outcome

    async def invoke(self, sandbox: Sandbox, limit_seconds: float) -> Outcome:
        outcome = await sandbox.invoke(self._headers(limit_seconds), self.call.payload, limit_seconds)
        self.finish(sandbox, outcome)
        return outcome

    def start(self) -> None:
        self._started_at = self._clock()
        self._begun = time.monotonic()
        self._log(f"START RequestId: {self.call.request_id} Version: {self.target.version}")

    def _headers(self, limit_seconds: float) -> dict[str, str]:
        """What AWS's Runtime API sends along with an event."""
        deadline_ms = int((self._started_at + limit_seconds) * 1000)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": self.call.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.call.invoked_arn,
            "Lambda-Runtime-Trace-Id": self.call.trace_id,
            "Content-Type": "application/json",
        }
        if self.call.client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = self.call.client_context
        return headers

    def finish(self, sandbox: Sandbox, outcome: Outcome) -> None:
        duration = time.monotonic() - self._begun
        self._finished_at = self._clock()
        self._take_records(sandbox)
        error = _error_of(outcome, self.call.request_id, self.target.timeout_seconds)
        if error is not None and outcome.ending is Ending.TIMEOUT:
            at = datetime.fromtimestamp(self._finished_at, UTC).isoformat(timespec="milliseconds")
            self._log(f"{at.removesuffix('+00:00')}Z {self.call.request_id} {error.log_text}\n")
        elif error is not None and error.log_text:
            self._log(error.log_text)
        self._log(f"END RequestId: {self.call.request_id}")
        self._log(self._report(duration, sandbox.max_memory_bytes, outcome, error))

    def log_init_report(self, outcome: Outcome) -> None:
        error = _error_of(outcome, self.call.request_id, int(INIT_SECONDS))
        status = "timeout" if outcome.ending is Ending.TIMEOUT else "error"
        reason = f"\tError Type: {error.type}" if error and status == "error" else ""
        self._log(f"INIT_REPORT Init Duration: {_ms(self._init_seconds)} ms\tPhase: init\tStatus: {status}{reason}")
        self._init_seconds = None

    def reply(self, outcome: Outcome) -> Invocation:
        payload, error = outcome.body, _error_of(outcome, self.call.request_id, self.target.timeout_seconds)
        if error is not None:
            payload = error.payload
        if outcome.ending is not Ending.RESPONSE:
            payload = self._as_on_aws(payload)
        return Invocation(
            payload=payload,
            function_error=None if outcome.ending is Ending.RESPONSE and error is None else "Unhandled",
            executed_version=self.target.version,
            log_tail=tail(record.text for record in self.records) if self.call.log_tail else None,
            started_at=self._started_at,
            finished_at=self._finished_at,
        )

    def _as_on_aws(self, payload: bytes) -> bytes:
        """Stack traces name files of the function as on AWS, where clients and state machines may compare them."""
        folder = msgspec.json.encode(f"{self.target.launch.task_root}/")[1:-1]
        return payload.replace(b'File \\"' + folder, f'File \\"{TASK_ROOT}/'.encode())

    def _report(self, duration: float, memory: int, outcome: Outcome, error: "_Failure | None") -> str:
        billed = math.ceil(duration * 1000) + math.ceil((self._init_seconds or 0) * 1000)
        parts = [
            f"REPORT RequestId: {self.call.request_id}",
            f"Duration: {_ms(duration)} ms",
            f"Billed Duration: {billed} ms",
            f"Memory Size: {self.target.memory_mb} MB",
        ]
        if memory:
            parts.append(f"Max Memory Used: {min(math.ceil(memory / 2**20), self.target.memory_mb)} MB")
        if self._init_seconds is not None:
            parts.append(f"Init Duration: {_ms(self._init_seconds)} ms")
        if outcome.ending is Ending.TIMEOUT:
            parts.append("Status: timeout")
        elif error is not None:
            parts += ["Status: error", f"Error Type: {error.type}"]
        return "\t".join(parts) + "\t"

    def _take_records(self, sandbox: Sandbox) -> None:
        self.records += [LogRecord(at, text) for at, text in sandbox.take_records()]

    def _log(self, text: str) -> None:
        self.records.append(LogRecord(self._clock(), text))


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error that AWS reports in the runtime's place."""

    type: str
    payload: bytes
    log_text: str = ""


def _error_of(outcome: Outcome, request_id: str, timeout_seconds: int) -> _Failure | None:
    """AWS's own report on an outcome, None when the runtime made its reply itself."""
    if outcome.ending is Ending.TIMEOUT:
        return _failure("Sandbox.Timedout", request_id, f"Task timed out after {timeout_seconds}.00 seconds")
    if outcome.ending is Ending.OUT_OF_MEMORY:
        return _failure("Runtime.OutOfMemory", request_id, "Runtime exited with error: signal: killed")
    if outcome.ending is Ending.EXIT:
        return _failure("Runtime.ExitError", request_id, exit_text(outcome.exit_code))
    if outcome.ending is Ending.RESPONSE and len(outcome.body) > MAX_RESPONSE_BYTES:
        text = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
        payload = {"errorMessage": text, "errorType": "Function.ResponseSizeTooLarge"}
        return _Failure("Function.ResponseSizeTooLarge", msgspec.json.encode(payload), text)
    if outcome.ending is Ending.INIT_ERROR:
        return _Failure(_type_of(outcome.body), outcome.body)
    return None


def _failure(kind: str, request_id: str, text: str) -> _Failure:
    message = f"RequestId: {request_id} Error: {text}"
    payload = msgspec.json.encode({"errorType": kind, "errorMessage": message})
    return _Failure(kind, payload, text if kind == "Sandbox.Timedout" else f"{message}\n{kind}")


def _type_of(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["errorType"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return "Runtime.Unknown"


_SIGNALS: dict[int, str] = {
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGHUP: "hangup",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGPIPE: "broken pipe",
    signal.SIGQUIT: "quit",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
    signal.SIGTRAP: "trace/breakpoint trap",
}
"""Signals by the names of Go's syscall package, which AWS's runtime supervisor prints."""


def exit_text(code: int) -> str:
    """AWS's words for the exit of a runtime; `code` as `Popen.returncode`."""
    if code == 0:
        return "Runtime exited without providing a reason"
    if code > 0:
        return f"Runtime exited with error: exit status {code}"
    return f"Runtime exited with error: signal: {_SIGNALS.get(-code, f'signal {-code}')}"


def _ms(seconds: float | None) -> str:
    return f"{(seconds or 0) * 1000:.2f}"
