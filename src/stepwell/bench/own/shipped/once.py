"""Runs a handler once for each request. `stepwell bench init` put it here: read it, change it, keep what you need.

ONCE_HANDLER names the handler. A request is claimed in the table ONCE_TABLE by a conditional put before the work, and
its answer is kept there after it, so that another delivery gets the same answer and does nothing. A claim whose worker
died can be taken over when that worker's time is up. Without ONCE_TABLE nothing is claimed.

What the dead worker had done until then is done again. So each POST and PATCH carries an Idempotency-Key that is the
same every time: the outside has to honour it. Better than here is in the call itself, where a reader sees it.

The request is told by `idempotency_key` in the event, or else by the event as a whole.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextvars import ContextVar
from http.client import HTTPConnection
from importlib import import_module
from typing import Any

import boto3
from botocore.awsrequest import AWSConnection

_module, _, _name = os.environ["ONCE_HANDLER"].rpartition(".")
_handler = getattr(import_module(_module), _name)
_table = os.environ.get("ONCE_TABLE")
_dynamodb: Any = boto3.client("dynamodb")
_keys: ContextVar[list[str]] = ContextVar("keys")


class InProgress(Exception):
    """Another invocation is at this request: to be tried again later."""


def handler(event: Any, context: Any) -> Any:
    request = _request(event)
    _keys.set([f"{request}/{number}" for number in range(99, 0, -1)])
    if _table is None:
        return _handler(event, context)
    claim = {"id": {"S": request}, "owner": {"S": context.aws_request_id}}
    done = _claimed(claim, context.get_remaining_time_in_millis() / 1000)
    if done is not None:
        return json.loads(done["S"])
    answer = _handler(event, context)
    _dynamodb.put_item(
        TableName=_table,
        Item={**claim, "answer": {"S": json.dumps(answer)}},
        ConditionExpression="#owner = :owner",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues={":owner": claim["owner"]},
    )
    return answer


def _request(event: Any) -> str:
    if isinstance(event, dict) and "idempotency_key" in event:
        return str(event["idempotency_key"])
    text = json.dumps(event, sort_keys=True)
    return f"{os.environ['AWS_LAMBDA_FUNCTION_NAME']}/{hashlib.sha256(text.encode()).hexdigest()}"


def _claimed(claim: dict[str, Any], seconds_left: float) -> Any:
    """The answer that was given before, or None: then the request is this invocation's."""
    now = time.time()
    try:
        _dynamodb.put_item(
            TableName=_table,
            Item={**claim, "expires": {"N": str(now + seconds_left)}},
            ConditionExpression="attribute_not_exists(id) OR expires < :now",
            ExpressionAttributeValues={":now": {"N": str(now)}},
        )
    except _dynamodb.exceptions.ConditionalCheckFailedException:
        found = _dynamodb.get_item(TableName=_table, Key={"id": claim["id"]}, ConsistentRead=True)
        if "answer" in found.get("Item", {}):
            return found["Item"]["answer"]
        raise InProgress(claim["id"]["S"]) from None
    return None


def _with_key(end_headers: Callable[..., None]) -> Callable[..., None]:
    def with_key(connection: Any, *args: Any, **options: Any) -> None:
        head = b"\r\n".join(connection._buffer).lower()
        changes = head.startswith((b"post ", b"patch "))
        if changes and b"idempotency-key:" not in head and not isinstance(connection, AWSConnection) and _keys.get([]):
            connection.putheader("Idempotency-Key", _keys.get().pop())
        end_headers(connection, *args, **options)

    return with_key


HTTPConnection.endheaders = _with_key(HTTPConnection.endheaders)  # type: ignore[method-assign]
