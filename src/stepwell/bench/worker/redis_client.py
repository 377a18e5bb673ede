"""redis-py with the recorder in between: one connection, and each command is one operation of the history."""

import json
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from stepwell.bench.worker.recorder import MARK_COMMAND, Recorder

_READS = frozenset({"GET", "MGET", "HGET", "HGETALL", "ZSCORE", "ZCARD", "ZRANGE", "XREVRANGE", "EXISTS"})
_QUIET = frozenset({MARK_COMMAND, "SCRIPT LOAD"})


class RecordedRedis(Redis):
    """A client whose commands go into the history. A command that says nil or 0 to a condition has `fail`ed."""

    def __init__(self, recorder: Recorder, host: str, port: int, timeout_seconds: float) -> None:
        super().__init__(
            host, port, decode_responses=True, single_connection_client=True, retry=Retry(NoBackoff(), 0), protocol=2,
            socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds,
        )  # fmt: skip
        self._recorder = recorder

    def execute_command(self, *args: Any, **options: Any) -> Any:
        command = str(args[0]).upper()
        if not hasattr(self, "_recorder") or command in _QUIET:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        mark = self._recorder.begin(*_described(command, args))
        try:
            if mark:
                super().execute_command(MARK_COMMAND, json.dumps(mark))  # type: ignore[no-untyped-call]
            reply = super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except RedisError as error:
            # What the server refuses it has not done; a script may have done a part of it.
            refused = isinstance(error, ResponseError) and not command.startswith("EVAL")
            self._recorder.end("fail" if refused else "info", type(error).__name__)
            raise
        self._recorder.end("fail" if _refused(command, reply) else "ok", _decoded(reply))
        return reply


def _described(command: str, args: tuple[Any, ...]) -> tuple[str, str, str, Any, int]:
    """The recorder's kind, call, key, argument and size."""
    scripted = command in ("EVAL", "EVALSHA")
    key = str(args[3] if scripted else args[1]) if len(args) > 1 else ""
    values = [value for value in map(_decoded, args[4 if scripted else 2 :]) if isinstance(value, dict)]
    size = sum(len(str(each)) for each in args)
    return "read" if command in _READS else "write", f"redis.{command}", key, values[0] if values else None, size


def _refused(command: str, reply: Any) -> bool:
    return (command == "SET" and reply is None) or (command in ("EVAL", "EVALSHA") and reply == 0)


def _decoded(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value if isinstance(value, str | int | float | None) else str(value)
