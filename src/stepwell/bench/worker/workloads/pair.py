"""Two records that belong together, each written by one of two functions that then read both.

It is the shape of the transactions that the AFT paper counts anomalies in (EuroSys 2020, arXiv:2003.06007): two
functions of a write and two reads. A value is the number of the request that wrote it.
"""

from stepwell.bench.worker.call import Call, Record, State, Step, Strategy
from stepwell.bench.worker.workloads import look, update

OTHER = "/other"
"""What the second record's name has more than the first one's."""


def one(strategy: Strategy, call: Call, state: State) -> Record:
    return _write_and_read(strategy, call, state["record"], "")


def other(strategy: Strategy, call: Call, state: State) -> Record:
    return _write_and_read(strategy, call, state["record"], OTHER)


def _write_and_read(strategy: Strategy, call: Call, record: str, written: str) -> Record:
    update(strategy, call, record + written, lambda _: number(call.request))
    return {f"read{written}": [look(strategy, call, record + each)["value"] for each in ("", OTHER)]}


def number(request: str) -> int:
    """What a request writes: its own number, from 1 on, because a record begins with 0."""
    return int(request.rpartition("-")[2]) + 1


def request_of(request: str, number: int) -> str:
    """The request of the same cell that wrote this number."""
    return f"{request.rpartition('-')[0]}-{number - 1}"


STEPS: dict[str, Step] = {"one": one, "other": other}
