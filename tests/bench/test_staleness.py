"""Reads behind the acknowledged state, by the store as a whole and by one session, and their clean neighbours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.histories import History

from stepwell.bench.history import Op, Status
from stepwell.bench.oracles.staleness import monotonic_reads, monotonic_writes, read_your_writes, stale_reads


class Versions(History):
    """Operations on the key k, each half a second long, one second apart, by workers that are their own session."""

    def write(self, version: int, worker: str = "a", status: Status = "ok", at: float | None = None) -> "Versions":
        self.op("write", "r", status, worker=worker, key="k", argument={"version": version}, at=at)
        return self

    def read(self, version: int | None, worker: str = "a", at: float | None = None) -> "Versions":
        result = None if version is None else {"version": version}
        self.op("read", "r", worker=worker, key="k", result=result, at=at)
        return self


def test_a_stale_read_is_so_many_versions_and_seconds_behind() -> None:
    history = Versions().write(1).write(2).write(3).read(1, "b")
    staleness = stale_reads(history.ops)
    assert (staleness.verdict.count, staleness.verdict.exposed) == (1, 1)
    assert (staleness.versions, staleness.seconds) == ((2,), (1.5,))
    [witness] = staleness.verdict.witnesses
    assert witness.text == "r read version 1 of k 500 ms after version 3 was acknowledged"
    assert [row["id"] for row in witness.rows] == ["2", "3"]


@pytest.mark.parametrize(
    ("history", "count", "exposed"),
    [
        (Versions().write(1).write(2).read(2), 0, 1),
        (Versions().write(1).read(None), 1, 1),
        (Versions().read(None).write(1), 0, 0),
        (Versions().write(1, at=0.0).write(2, at=1.0).read(1, at=1.4), 0, 1),
        (Versions().write(1, at=0.0).write(2, at=1.0).read(1, at=1.5), 0, 1),
        (Versions().write(1, at=0.0).write(2, at=1.0).read(1, at=1.6), 1, 1),
        (Versions().write(1).write(2, status="info").read(1), 0, 1),
        (Versions().write(1).write(2, status="fail").read(1), 0, 1),
        (Versions().write(1, at=0.0).read(2, at=1.0).read(1, at=2.0), 0, 2),
        (Versions().write(1).write(2, "a").write(1, "b").read(1), 0, 0),
        (Versions().write(1).write(2).write(1, status="info").read(1), 0, 0),
        (Versions().write(1).write(2).write(1, status="fail").read(1), 1, 1),
    ],
    ids=[
        "the newest", "nothing there yet", "before all", "a write under way", "touching times", "just after",
        "a write that may not count", "a write that was refused", "older than what another read",
        "a version made twice", "a version perhaps made twice", "a version that was refused once",
    ],
)  # fmt: skip
def test_a_read_is_stale_when_a_higher_version_was_acknowledged_before_it(
    history: Versions, count: int, exposed: int
) -> None:
    verdict = stale_reads(history.ops).verdict
    assert (verdict.count, verdict.exposed) == (count, exposed)


def test_updates_that_do_not_tell_their_version_are_passed_over() -> None:
    history = Versions()
    history.op("write", "r", key="k")
    history.op("read", "r", key="k", result={"value": 1})
    history.op("read", "r", key="k", result="broken")
    assert stale_reads(history.ops).verdict.exposed == 0


SESSIONS = {
    "not what it wrote itself": (Versions().write(1).read(None), read_your_writes, 1, 1),
    "what it wrote itself": (Versions().write(1).read(1), read_your_writes, 0, 1),
    "what others wrote later": (Versions().write(1).write(2, "b").read(2), read_your_writes, 0, 1),
    "not what another wrote": (Versions().write(1, "b").read(None), read_your_writes, 0, 0),
    "nobody knows if it wrote": (Versions().write(1, status="info").read(None), read_your_writes, 0, 0),
    "its write is not back yet": (Versions().write(1, at=0.0).read(None, at=0.2), read_your_writes, 0, 0),
    "back behind what it read": (Versions().read(3).read(2), monotonic_reads, 1, 1),
    "the same again": (Versions().read(3).read(3), monotonic_reads, 0, 1),
    "behind what another read": (Versions().read(3, "b").read(2), monotonic_reads, 0, 0),
    "its later write came first": (Versions().write(4).write(3), monotonic_writes, 1, 1),
    "its writes in order": (Versions().write(3).write(4), monotonic_writes, 0, 1),
    "its later write was refused": (Versions().write(4).write(3, status="fail"), monotonic_writes, 0, 0),
    "its later write may be another's": (
        Versions().write(4).write(3, "b", "info").write(3),
        monotonic_writes,
        0,
        0,
    ),
}


@pytest.mark.parametrize(("history", "oracle", "count", "exposed"), SESSIONS.values(), ids=SESSIONS)
def test_a_session_sees_its_own_past(history: Versions, oracle: object, count: int, exposed: int) -> None:
    assert callable(oracle)
    verdict = oracle(history.ops)
    assert (verdict.count, verdict.exposed, len(verdict.witnesses)) == (count, exposed, count)


def test_a_session_may_span_workers() -> None:
    history = Versions()
    history.op("write", "user-1", worker="a", key="k", argument={"version": 1})
    history.op("read", "user-1", worker="b", key="k")
    assert read_your_writes(history.ops).exposed == 0
    assert read_your_writes(history.ops, lambda op: op.request).count == 1


STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 9), st.sampled_from(["read", "write", "info"])), max_size=40
)


def _conditional(steps: list[tuple[int, int, str]], lag: int) -> list[Op]:
    """Four clients on a store that checks versions and answers reads with what it held `lag` changes ago.

    Each operation takes effect in its middle; they overlap, as the pauses between their middles differ.
    """
    history, held, now = Versions(), [0], 0.0
    for client, pause, kind in steps:
        now += pause
        if kind == "read":
            history.read(held[max(0, len(held) - 1 - lag)], str(client), now - 0.25)
            continue
        held.append(held[-1] + 1)
        history.write(held[-1], str(client), "ok" if kind == "write" else "info", now - 0.25)
    return history.ops


@given(STEPS)
def test_one_store_that_does_one_thing_at_a_time_is_never_stale(steps: list[tuple[int, int, str]]) -> None:
    ops = _conditional(steps, lag=0)
    oracles = (read_your_writes, monotonic_reads, monotonic_writes)
    assert [oracle(ops).count for oracle in oracles] == [0, 0, 0]
    assert stale_reads(ops).verdict.count == 0


@given(STEPS)
def test_reads_that_lag_one_change_are_stale_exactly_after_an_acknowledged_one(
    steps: list[tuple[int, int, str]],
) -> None:
    last = ""
    expected = 0
    for _, _, kind in steps:
        expected += kind == "read" and last == "write"
        last = kind if kind != "read" else last
    assert stale_reads(_conditional(steps, lag=1)).verdict.count == expected


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=60))
def test_blind_writes_lose_updates_and_make_no_read_stale(schedule: list[tuple[int, bool]]) -> None:
    """Five clients, each reading and then writing what builds on it, in any order, on one store without conditions."""
    history, value = Versions(), 0
    bases: dict[int, int] = {}
    for client, sure in schedule:
        if client not in bases:
            bases[client] = value
            history.read(value, str(client))
        else:
            value = bases.pop(client) + 1
            history.write(value, str(client), "ok" if sure else "info")
    assert stale_reads(history.ops).verdict.count == 0
    assert monotonic_reads(history.ops).count == 0
    assert read_your_writes(history.ops).count == 0
