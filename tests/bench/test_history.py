"""What is on disk is what is known, also when a process died in the middle of a line."""

from pathlib import Path

import pytest
from tests.bench.histories import History

from stepwell.bench.history import Op, read_ops, read_rows, write_rows
from stepwell.bench.worker.faults import overlapping


def test_of_two_lines_with_one_id_the_later_counts(tmp_path: Path, history: History) -> None:
    history.op("write", "a", "info", took=None)
    [invoked] = history.ops
    returned = Op(**{name: getattr(invoked, name) for name in Op.__struct_fields__} | {"status": "ok"})
    write_rows(tmp_path / "ops.jsonl", [invoked, returned])
    assert read_ops([tmp_path / "ops.jsonl"]) == [returned]


def test_an_operation_whose_worker_died_is_info(tmp_path: Path, history: History) -> None:
    history.op("write", "a", "info", took=None)
    write_rows(tmp_path / "ops.jsonl", history.ops)
    [op] = read_ops([tmp_path / "ops.jsonl"])
    assert (op.status, op.returned_at) == ("info", None)


def test_operations_of_all_files_come_by_time(tmp_path: Path, history: History) -> None:
    for at in (3.0, 1.0, 2.0):
        history.op("read", f"at-{at:g}", at=at)
    write_rows(tmp_path / "one.jsonl", history.ops[:2])
    write_rows(tmp_path / "two.jsonl", history.ops[2:])
    assert [op.request for op in read_ops(tmp_path.glob("*.jsonl"))] == ["at-1", "at-2", "at-3"]


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path, history: History) -> None:
    history.op("read", "a")
    write_rows(tmp_path / "ops.jsonl", history.ops)
    with (tmp_path / "ops.jsonl").open("ab") as file:
        file.write(b'{"id": "half')
    assert list(read_rows(tmp_path / "ops.jsonl", Op)) == history.ops


def test_a_file_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert list(read_rows(tmp_path / "none.jsonl", Op)) == []


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([], False),
        ([(0, 1)], False),
        ([(0, 1), (1, 2)], False),
        ([(0, 1), (0.9, 2)], True),
        ([(0, None), (0.5, 1)], False),
        ([(5, 6), (0, 9)], True),
        ([(0, 9), (1, 2), (3, 4)], True),
    ],
    ids=str,
)
def test_overlapping(intervals: list[tuple[float, float | None]], expected: bool) -> None:
    assert overlapping(intervals) is expected
