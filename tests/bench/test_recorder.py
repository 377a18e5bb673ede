"""What is recorded is what boto3 was told, whatever the strategy makes of it."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from stepwell.bench.history import Op, read_ops
from stepwell.bench.worker.recorder import Recorder


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )  # fmt: skip


@pytest.fixture
def recorder(tmp_path: Path, client: Any) -> Recorder:
    recorder = Recorder(tmp_path)
    recorder.watch(client)
    recorder.enter("r", "a", 2, "charge", None)
    return recorder


def ops(folder: Path) -> list[Op]:
    return read_ops(folder.glob("*.jsonl"))


def test_a_read_shows_what_was_found(tmp_path: Path, client: Any, recorder: Recorder) -> None:
    with Stubber(client) as stub:
        stub.add_response("get_item", {"Item": {"id": {"S": "k"}, "version": {"N": "7"}}})
        client.get_item(TableName="ttt", Key={"id": {"S": "k"}})
    [op] = ops(tmp_path)
    assert (op.kind, op.key, op.status, op.result) == ("read", "k", "ok", {"id": "k", "version": 7})
    assert (op.run, op.request, op.attempt, op.worker) == ("r", "a", 2, recorder.worker)
    assert op.returned_at is not None and op.returned_at >= op.invoked_at
    assert (op.step, op.call, op.mode) == ("charge", "dynamodb.GetItem", "eventual")
    assert op.bytes == len("id") + len('"k"') + len("version") + len("7")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ConditionalCheckFailedException", "fail"),
        ("ValidationException", "fail"),
        ("ProvisionedThroughputExceededException", "info"),
        ("InternalServerError", "info"),
    ],
)
def test_only_what_was_surely_not_applied_fails(
    tmp_path: Path, client: Any, recorder: Recorder, code: str, status: str
) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("put_item", code, http_status_code=400)
        with pytest.raises(ClientError):
            client.put_item(TableName="ttt", Item={"id": {"S": "k"}, "value": {"N": "1"}})
    [op] = ops(tmp_path)
    assert (op.kind, op.status, op.result, op.argument) == ("write", status, code, {"id": "k", "value": 1})


def test_a_call_that_never_came_back_is_info(tmp_path: Path, recorder: Recorder) -> None:
    recorder.begin("emit", "outside.effect", "a", {"key": None})
    [op] = ops(tmp_path)
    assert (op.kind, op.status, op.returned_at) == ("emit", "info", None)


class Strikes:
    """An injection that notes when it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def before(self, number: int) -> dict[str, Any] | None:
        self.asked.append(("before", number))
        return None

    def after(self, number: int) -> None:
        self.asked.append(("after", number))


def test_faults_are_asked_for_around_each_operation(client: Any, tmp_path: Path) -> None:
    recorder, strikes = Recorder(tmp_path), Strikes()
    recorder.watch(client)
    recorder.enter("r", "a", 1, "", strikes)
    for number in (1, 2):
        with Stubber(client) as stub:
            stub.add_response("put_item", {})
            client.put_item(TableName="ttt", Item={"id": {"S": str(number)}})
    assert strikes.asked == [("before", 1), ("after", 1), ("before", 2), ("after", 2)]
