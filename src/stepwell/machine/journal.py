"""Bytes to records and back: how a step, a checkpoint, a stimulus and a command are kept.

A payload above `INLINE_BYTES` is not written into the record but beside it, once per execution, under its digest.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from stepwell.machine.commands import AnyCommand, Command
from stepwell.machine.execution import Execution
from stepwell.machine.maprun.commands import Unwatch, Watch
from stepwell.machine.maprun.records import AnyMapRunRecord
from stepwell.machine.maprun.state import MapRun
from stepwell.machine.maprun.stimuli import AnyMapRunStimulus
from stepwell.machine.payload import EMPTY, Payload
from stepwell.machine.records import AnyRecord, Record
from stepwell.machine.stimuli import AnyStimulus, Stimulus

INLINE_BYTES = 4096
"""A payload of more bytes is stored apart: sharing saves more than the extra row costs."""


class Encoded(msgspec.Struct, frozen=True):
    """`body` refers to `payloads` (digest to UTF-8 text) where they are large."""

    body: bytes
    payloads: dict[bytes, bytes]


def encode(value: Sequence[Record] | Execution | MapRun | Stimulus | Command) -> Encoded:
    """Encode as MessagePack, with the large payloads apart."""
    payloads: dict[bytes, bytes] = {}

    def hook(item: Any) -> Any:
        if not isinstance(item, Payload):
            raise NotImplementedError(f"no encoding for {type(item)}")
        if item.size <= INLINE_BYTES:
            return item.text
        payloads[item.digest] = item.text.encode()
        return item.digest

    return Encoded(msgspec.msgpack.encode(value, enc_hook=hook), payloads)


def encode_inline(value: Stimulus | Command) -> bytes:
    """Encode with every payload inside: for what is short-lived or lives outside its execution."""
    return msgspec.msgpack.encode(value, enc_hook=lambda item: item.text)


class MissingPayloads(LookupError):
    """What was decoded refers to these payloads, which were not given."""

    def __init__(self, digests: set[bytes]) -> None:
        super().__init__(f"{len(digests)} payloads are missing")
        self.digests = digests


class _Decoder:
    """Decodes one type. Digests without a payload are gathered, so that one read can fetch them all."""

    def __init__(self, type: Any) -> None:
        self._decoder = msgspec.msgpack.Decoder(type, dec_hook=self._payload)
        self._payloads: Mapping[bytes, bytes] = {}
        self._missing: set[bytes] = set()

    def _payload(self, wanted: Any, raw: Any) -> Payload:
        if isinstance(raw, str):
            return Payload.of_text(raw)
        if raw in self._payloads:
            return Payload.of_text(self._payloads[raw].decode())
        self._missing.add(raw)
        return EMPTY

    def decode(self, bodies: Iterable[bytes], payloads: Mapping[bytes, bytes]) -> list[Any]:
        self._payloads, self._missing = payloads, set()
        decoded = [self._decoder.decode(body) for body in bodies]
        if self._missing:
            raise MissingPayloads(self._missing)
        return decoded


_records = _Decoder(list[AnyRecord | AnyMapRunRecord])
_execution = _Decoder(Execution)
_map_run = _Decoder(MapRun)
_stimulus = _Decoder(AnyStimulus | AnyMapRunStimulus)
_command = _Decoder(AnyCommand | Watch | Unwatch)


def decode_records(bodies: Iterable[bytes], payloads: Mapping[bytes, bytes]) -> list[Record]:
    """The records of steps in order. Raises `MissingPayloads`."""
    return [record for records in _records.decode(bodies, payloads) for record in records]


def decode_execution(body: bytes, payloads: Mapping[bytes, bytes]) -> Execution:
    """A checkpoint. Raises `MissingPayloads`."""
    execution: Execution = _execution.decode([body], payloads)[0]
    return execution


def decode_map_run(body: bytes, payloads: Mapping[bytes, bytes]) -> MapRun:
    """A checkpoint of a Map Run. Raises `MissingPayloads`."""
    run: MapRun = _map_run.decode([body], payloads)[0]
    return run


def decode_stimulus(body: bytes) -> Stimulus:
    stimulus: Stimulus = _stimulus.decode([body], {})[0]
    return stimulus


def decode_command(body: bytes) -> Command:
    command: Command = _command.decode([body], {})[0]
    return command
