"""The tape over real clients in a process of its own: what is called is seen, and reaches nobody outside."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.bench.history import Effect, Fired, Op, read_ops, read_rows
from stepwell.bench.own import outside
from stepwell.bench.own.identity import token
from stepwell.bench.parts import sink
from stepwell.bench.parts.backends import valkey
from stepwell.processes.children import Child, free_ports, listens

REQUEST = token(1, 7)

START = f"""
import json, os, sys
from pathlib import Path
from stepwell.bench.own.tape import Tape, keep_inside, watch_httpx
class Injection:
    def before(self, number): return json.loads(os.environ["MARK"]) if number == int(os.environ["NUMBER"]) else None
    def after(self, number): pass
here = Path(sys.argv[1])
tape = Tape(here, here / "tables.json")
tape.watch_aws()
tape.watch_http(("127.0.0.1", int(sys.argv[2])))
if sys.argv[3] != "0":
    tape.watch_redis(f"redis://127.0.0.1:{{sys.argv[3]}}")
keep_inside()
tape.enter({{"run": "bench01", "request": "{REQUEST}", "attempt": 1, "step": "f"}}, Injection())
"""


@pytest.fixture
def outside_port(tmp_path: Path) -> Iterator[int]:
    answers = [{"to": "GET shop.example/price", "status": 404, "body": '{"none": true}'}]
    (tmp_path / "answers.json").write_text(json.dumps(answers), "utf-8")
    server = outside.serve(tmp_path, 0, tmp_path / "answers.json")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def recorded(
    code: str, folder: Path, outside_port: int, redis_port: int = 0, mark: object = None, number: int = 0
) -> tuple[str, list[Op]]:
    """What the code prints, and what the tape has of it."""
    ops = folder / "ops"
    ops.mkdir(exist_ok=True)
    variables = {
        "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MARK": json.dumps(mark),
        "NUMBER": str(number), "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1",
    }  # fmt: skip
    arguments = [str(ops), str(outside_port), str(redis_port)]
    done = subprocess.run(
        [sys.executable, "-c", START + code, *arguments], capture_output=True, text=True, env=variables, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, [op for op in read_ops(ops.glob("*.jsonl")) if op.kind != "acknowledge"]


HTTP = """
import urllib.request, urllib3, httpx
print(json.load(urllib.request.urlopen(urllib.request.Request("https://pay.example/charges", b"{}")))["status"])
url, headers = "https://shop.example/orders/REQUEST", {"Idempotency-Key": "k"}
print(urllib3.PoolManager().request("PUT", url, headers=headers).status)
watch_httpx()
print(httpx.get("https://shop.example/price?of=lamp").status_code)
""".replace("REQUEST", f"order-{REQUEST}")


def test_http_is_recorded_and_answered_here(tmp_path: Path, outside_port: int) -> None:
    printed, ops = recorded(HTTP, tmp_path, outside_port)
    assert printed.split() == ["succeeded", "200", "404"]
    assert [(op.kind, op.call, op.key, op.status) for op in ops] == [
        ("emit", "outside.POST", "pay.example/charges", "ok"),
        ("emit", "outside.PUT", f"shop.example/orders/order-{REQUEST}", "ok"),
        ("read", "outside.GET", "shop.example/price", "fail"),
    ]
    assert [op.argument["conditional"] for op in ops] == [False, True, False], "the second had a key"
    effects = list(read_rows(tmp_path / sink.EFFECTS, Effect))
    assert [(each.type, each.key, each.request) for each in effects] == [
        ("POST pay.example/charges", None, REQUEST),
        ("PUT shop.example/orders/{request}", "k", REQUEST),
    ]


LOST = """
import urllib.request
try:
    urllib.request.urlopen(urllib.request.Request("https://pay.example/charges", b"{}"))
except OSError as error:
    print(type(error).__name__)
"""


def test_an_answer_can_be_lost_after_the_effect(tmp_path: Path, outside_port: int) -> None:
    mark = {"fault": "response-lost", "run": "bench01", "request": REQUEST, "worker": "f"}
    printed, ops = recorded(LOST, tmp_path, outside_port, mark=mark, number=1)
    assert printed.strip() in ("ConnectionResetError", "RemoteDisconnected")
    assert [op.status for op in ops] == ["info"]
    assert len(list(read_rows(tmp_path / sink.EFFECTS, Effect))) == 1
    assert [each.fault for each in read_rows(tmp_path / sink.FIRED, Fired)] == ["response-lost"]


REDIS = """
import redis
client = redis.Redis(host="cache.prod.example", port=6379, password="secret", ssl=True, decode_responses=True)
print(client.set("a", "1", nx=True), client.set("a", "2", nx=True), client.get("a"))
with client.pipeline() as pipeline:
    pipeline.incr("b")
    pipeline.hset("c", "d", 1)
    print(pipeline.execute())
"""


def test_redis_is_recorded_and_is_the_one_given(tmp_path: Path, outside_port: int) -> None:
    (port,) = free_ports(1)
    server = Child("redis", tmp_path, valkey(port), listens(port))
    server.start()
    try:
        server.wait(time.monotonic() + 10)
        printed, ops = recorded(REDIS, tmp_path, outside_port, port)
    finally:
        server.stop()
    assert printed.split("\n")[:2] == ["True None 1", "[1, 1]"]
    assert [(op.kind, op.call, op.key, op.status, op.argument["conditional"]) for op in ops] == [
        ("write", "redis.SET", "a", "ok", True),
        ("write", "redis.SET", "a", "fail", True),
        ("read", "redis.GET", "a", "ok", False),
        ("write", "redis.PIPELINE", "b c", "ok", False),
    ]


REFUSED = """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), 1)
except PermissionError as error:
    print(error)
"""


def test_what_it_does_not_see_reaches_nobody(tmp_path: Path, outside_port: int) -> None:
    printed, ops = recorded(REFUSED, tmp_path, outside_port)
    assert printed.startswith("a connection to 192.0.2.1 by a library that `stepwell bench` does not see was refused")
    assert ops == []


AWS = """
import boto3
(here / "tables.json").write_text('{"Orders": ["shop", "id"]}')
tape._tables = json.loads((here / "tables.json").read_text())
client, table = boto3.client("dynamodb"), boto3.resource("dynamodb").Table("Orders")
def tried(call, **params):
    try: call(**params)
    except Exception as error: print(type(error).__name__)
tried(client.put_item, TableName="Orders", Item={"id": {"S": "1"}, "shop": {"S": "s"}, "n": {"N": "1.5"}},
      ConditionExpression="attribute_not_exists(id)")
tried(table.get_item, Key={"id": "2", "shop": "s"}, ConsistentRead=True)
key = {"id": {"S": "3"}, "shop": {"S": "s"}}
tried(client.transact_write_items, TransactItems=[{"Delete": {"TableName": "Orders", "Key": key}},
      {"Put": {"TableName": "Other", "Item": {"k": {"B": b"x"}}}}])
tried(boto3.client("sqs").send_message, QueueUrl="http://q/123456789012/mails", MessageBody="x")
tried(boto3.client("s3").put_object, Bucket="b", Key="k/1", Body=b"x")
"""


def test_calls_of_boto3_are_told_apart_by_what_they_are_about(tmp_path: Path, outside_port: int) -> None:
    printed, ops = recorded(AWS, tmp_path, outside_port)
    assert len(printed.split()) == 5, "nobody answers there"
    assert [(op.kind, op.call, op.key, op.mode, op.status) for op in ops] == [
        ("write", "dynamodb.PutItem", "Orders/s/1", "", "info"),
        ("read", "dynamodb.GetItem", "Orders/s/2", "strong", "info"),
        ("write", "dynamodb.TransactWriteItems", "Orders/s/3 Other", "transactional", "info"),
        ("write", "sqs.SendMessage", "mails", "", "info"),
        ("write", "s3.PutObject", "b/k/1", "", "info"),
    ]
    assert [op.argument["conditional"] for op in ops] == [True, False, False, False, False]
