"""What is derived from an execution's seed: random draws, task tokens, idempotency keys.

The seed is a random secret that never leaves the store. Everything here is a keyed hash of it, so it is the same after
a restart and on every machine, and nobody can guess one from another.
"""

import base64
import binascii
import hashlib
import hmac
import uuid

import msgspec


def _keyed(seed: str, label: str, size: int) -> bytes:
    return hashlib.blake2b(label.encode(), key=seed.encode(), digest_size=size).digest()


class SeededDraws:
    """Random values of one step: drawn from (seed, sequence of the step's first record, draw index).

    A step appends at least one record, so no later step, before or after a fold, can draw the same value.
    """

    __slots__ = ("_drawn", "_seed", "_sequence")

    def __init__(self, seed: str, sequence: int) -> None:
        self._seed = seed
        self._sequence = sequence
        self._drawn = 0

    def bits(self) -> int:
        self._drawn += 1
        return int.from_bytes(_keyed(self._seed, f"draw/{self._sequence}/{self._drawn}", 16), "big")


def idempotency_key(seed: str, frame: int, attempt: int) -> str:
    """A UUID for one attempt of a task, the same however often the attempt is dispatched."""
    return str(uuid.UUID(bytes=_keyed(seed, f"attempt/{frame}/{attempt}", 16), version=4))


class TaskToken(msgspec.Struct, frozen=True, array_like=True):
    """A task token taken apart: execution + frame + attempt + MAC."""

    execution: str
    frame: int
    attempt: int
    mac: bytes

    def is_genuine(self, seed: str) -> bool:
        """Whether the execution with this seed has issued the token."""
        return hmac.compare_digest(self.mac, _token_mac(seed, self.frame, self.attempt))


class InvalidTaskToken(ValueError):
    """The text is no task token."""


def _token_mac(seed: str, frame: int, attempt: int) -> bytes:
    return _keyed(seed, f"token/{frame}/{attempt}", 16)


def task_token(execution: str, seed: str, frame: int, attempt: int) -> str:
    """The token that settles this attempt, opaque text of up to about 400 characters."""
    token = TaskToken(execution, frame, attempt, _token_mac(seed, frame, attempt))
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(token)).decode()


def parse_task_token(text: str) -> TaskToken:
    """Take a token apart. Raises `InvalidTaskToken`; whether it is genuine only the execution's seed can tell."""
    try:
        return msgspec.msgpack.decode(base64.b64decode(text, b"-_", validate=True), type=TaskToken)
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise InvalidTaskToken(str(error)) from None
