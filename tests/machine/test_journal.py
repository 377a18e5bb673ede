"""Bytes and back: records, states, stimuli and commands; payloads apart; and the journals of every release."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from tests.data.journals.make import SHAPES, Journal, journal_of, readable

from stepwell.machine import commands as c
from stepwell.machine import journal
from stepwell.machine import records as r
from stepwell.machine import stimuli as s
from stepwell.machine.execution import Execution
from stepwell.machine.payload import EMPTY, Payload

from .harness import FUNCTION, Run, fold, machine, snapshot

JOURNALS = Path(__file__).parents[1] / "data" / "journals"
LARGE = Payload("x" * journal.INLINE_BYTES)
SMALL = Payload("x" * (journal.INLINE_BYTES - 2))


def exited(**fields: Any) -> r.StateExited:
    return r.StateExited(type="PassStateExited", at=1.5, name="S", **fields)


def back(*records: r.Record) -> list[r.Record]:
    encoded = journal.encode(records)
    return journal.decode_records([encoded.body], encoded.payloads)


@pytest.mark.parametrize(
    "record",
    [
        exited(output=Payload({"a": [1, 2.5, None, True, "é"]}), next="T", assigned={"v": Payload(1), "w": LARGE}),
        exited(output=Payload.of_text('{ "white":\n"space" }')),
        exited(output=Payload.of_text("123456789012345678901234567890")),
        exited(output=Payload.of_text("1.0")),
        r.TimerStarted(frame=3, kind="wait", due_at=1_700_000_000.123456),
        r.TransitionBudgetSpent(),
    ],
    ids=lambda record: type(record).__name__,
)
def test_records(record: r.Record):
    assert back(record, record) == [record, record]


def test_a_text_stays_as_it_was_sent():
    (record,) = back(exited(output=Payload.of_text("[ 1.0 ]")))
    assert isinstance(record, r.StateExited)
    assert record.output.text == "[ 1.0 ]"


def test_large_payloads_are_apart_and_shared():
    records = [exited(output=LARGE), exited(output=LARGE, assigned={"v": LARGE}), exited(output=SMALL)]
    encoded = journal.encode(records)
    assert encoded.payloads == {LARGE.digest: LARGE.text.encode()}
    assert len(encoded.body) < journal.INLINE_BYTES + 400
    assert journal.decode_records([encoded.body], encoded.payloads) == records


def test_sizes_count_bytes():
    wide = Payload("é" * (journal.INLINE_BYTES // 2))
    assert journal.encode([exited(output=wide)]).payloads == {wide.digest: wide.text.encode()}


def test_missing_payloads_are_named_at_once():
    other = Payload("y" * 5_000)
    bodies = [journal.encode([exited(output=payload)]).body for payload in (LARGE, SMALL, other)]
    with pytest.raises(journal.MissingPayloads) as raised:
        journal.decode_records(bodies, {})
    assert raised.value.digests == {LARGE.digest, other.digest}
    with pytest.raises(journal.MissingPayloads) as raised:
        journal.decode_records(bodies, {LARGE.digest: LARGE.text.encode()})
    assert raised.value.digests == {other.digest}
    journal.decode_records(bodies, {p.digest: p.text.encode() for p in (LARGE, other)})


def test_fields_with_a_default_are_left_out():
    plain = journal.encode([exited(output=EMPTY)]).body
    assert b"assigned" not in plain and b"next" not in plain and b"previous" not in plain


def test_a_field_of_a_later_release_is_no_obstacle():
    body = msgspec.msgpack.encode([{"_": "TimerEnded", "frame": 1, "kind": "wait", "new": {"a": 1}}])
    assert journal.decode_records([body], {}) == [r.TimerEnded(frame=1, kind="wait")]


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x81", msgspec.msgpack.encode([{"_": "Nothing"}])])
def test_what_is_no_journal(body: bytes):
    with pytest.raises(msgspec.DecodeError):
        journal.decode_records([body], {})


def test_stimuli_and_commands_hold_their_payloads():
    stimulus = s.TaskSucceeded(at=1.0, frame=1, attempt=2, output=LARGE)
    assert journal.decode_stimulus(journal.encode_inline(stimulus)) == stimulus
    run = Run(machine({"Name": "S", "Type": "Task", "Resource": FUNCTION}), "x" * 9_000)
    command = run.task()
    assert journal.decode_command(journal.encode_inline(command)) == command
    for other in (c.RenewBudget(), c.StopChild(execution="arn"), c.DropTask(frame=1, attempt=1)):
        assert journal.decode_command(journal.encode_inline(other)) == other


def test_the_state_itself():
    run = SHAPES["midway"]()
    encoded = journal.encode(run.execution)
    decoded = journal.decode_execution(encoded.body, encoded.payloads)
    assert decoded == run.execution
    assert journal.encode(decoded) == encoded


def test_a_checkpoint_goes_on_like_the_live_state():
    live, restored = SHAPES["midway"](), SHAPES["midway"]()
    encoded = journal.encode(restored.execution)
    restored.execution = journal.decode_execution(encoded.body, encoded.payloads)
    for run in (live, restored):
        run.fire("wait")
        run.succeed("other", index=0)
    assert snapshot(live.execution) == snapshot(restored.execution)
    assert live.records == restored.records


# --- what releases wrote


def kept() -> list[Path]:
    return sorted(JOURNALS.glob("v*/*.msgpack"))


@pytest.mark.parametrize("path", kept(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_release_folds(path: Path):
    stored = msgspec.msgpack.decode(path.read_bytes(), type=Journal)
    records = journal.decode_records(stored.steps, stored.payloads)
    execution = fold(records)
    assert readable(execution) == json.loads(path.with_suffix(".json").read_text())
    assert execution.event_id == sum(isinstance(record, r.Event) for record in records)


def test_the_journals_hold_every_kind_of_record():
    found: set[type] = set()
    for path in kept():
        stored = msgspec.msgpack.decode(path.read_bytes(), type=Journal)
        found |= {type(record) for record in journal.decode_records(stored.steps, stored.payloads)}
    assert found == set(get_args(r.AnyRecord))


@pytest.mark.parametrize("name", SHAPES)
def test_this_release_writes_what_it_is_known_to_write(name: str):
    """A change of the encoding shows here first: it needs a new FORMAT and journals of its own."""
    path = JOURNALS / f"v{r.FORMAT}" / f"{name}.msgpack"
    stored = msgspec.msgpack.decode(path.read_bytes(), type=Journal)
    written = journal_of(SHAPES[name]())
    assert journal.decode_records(written.steps, written.payloads) == journal.decode_records(
        stored.steps, stored.payloads
    )
    assert written == stored


def test_nothing_is_folded_from_nothing():
    assert fold([]) == Execution()
