"""What becomes of an invocation: AWS's reply for each way in which a handler can end."""

import asyncio
import json
import re
import signal
from pathlib import Path

import pytest

from stepwell.functions.errors import LambdaError
from stepwell.functions.invocation import exit_text
from stepwell.functions.logs import LogStream

COUNTING = """
import json, logging, os, sys, time
count = 0
def handler(event, context):
    global count
    count += 1
    return run(event, context)
def run(event, context):
    return count
"""


def body(invocation):
    return json.loads(invocation.payload)


def last_line(invocation):
    return invocation.log_tail.decode().rstrip("\n").splitlines()[-1]


def test_a_result_and_a_warm_worker(lab, service):
    name = lab.create(service, COUNTING)
    first, second = lab.invoke(service, name), lab.invoke(service, name)
    assert (first.payload, second.payload) == (b"1", b"2")
    assert first.status_code == 200 and first.function_error is None and first.executed_version == "$LATEST"
    assert first.started_at <= first.finished_at <= second.started_at
    assert "Init Duration" in last_line(first) and "Init Duration" not in last_line(second)


def test_an_exception_keeps_the_worker_and_names_files_as_aws_does(lab, service):
    name = lab.create(service, COUNTING + "\ndef run(event, context):\n    raise ValueError('bad %d' % count)\n")
    lab.invoke(service, name)
    failed = lab.invoke(service, name)
    assert failed.function_error == "Unhandled"
    error = body(failed)
    assert (
        error["stackTrace"][0] == '  File "/var/task/handler.py", line 7, in handler\n    return run(event, context)\n'
    )
    del error["stackTrace"]
    assert error == {"errorMessage": "bad 2", "errorType": "ValueError", "requestId": "request-1"}
    assert "[ERROR] ValueError: bad 2\nTraceback (most recent call last):" in failed.log_tail.decode()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("os._exit(7)", "Runtime exited with error: exit status 7"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
    ],
)
def test_an_exit_is_reported_and_the_next_worker_is_new(lab, service, line, text):
    name = lab.create(service, COUNTING + f"\ndef run(event, context):\n    if event: {line}\n    return count\n")
    assert lab.invoke(service, name).payload == b"1"
    crashed = lab.invoke(service, name, b'{"crash": true}')
    assert crashed.function_error == "Unhandled"
    assert body(crashed) == {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: request-1 Error: {text}"}
    assert f"RequestId: request-1 Error: {text}\nRuntime.ExitError\nEND RequestId" in crashed.log_tail.decode()
    assert last_line(crashed).endswith("\tStatus: error\tError Type: Runtime.ExitError\t")
    assert lab.invoke(service, name).payload == b"1"


@pytest.mark.parametrize("busy", ["time.sleep(60)", "while True: pass"])
def test_a_timeout_kills_the_worker_and_its_children(lab, service, tmp_path, busy):
    source = f"""
import os, subprocess, time
def handler(event, context):
    child = subprocess.Popen(["sleep", "60"])
    with open({str(tmp_path / "pids")!r}, "w") as file:
        file.write(f"{{os.getpid()}} {{child.pid}}")
    {busy}
"""
    name = lab.create(service, source, Timeout=1)
    invocation = lab.invoke(service, name)
    assert body(invocation) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: request-1 Error: Task timed out after 1.00 seconds",
    }
    assert re.search(r"\d{3}Z request-1 Task timed out after 1\.00 seconds\n\nEND", invocation.log_tail.decode())
    assert last_line(invocation).endswith("\tStatus: timeout\t")
    for pid in (tmp_path / "pids").read_text().split():
        assert gone(int(pid))


def gone(pid: int) -> bool:
    """No such process, or only what is left of it for a parent to read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def test_out_of_memory(lab, service):
    source = "def handler(event, context):\n    held = []\n    while True: held.append(bytearray(1 << 23))\n"
    name = lab.create(service, source, Timeout=20)
    invocation = lab.invoke(service, name)
    assert body(invocation) == {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": "RequestId: request-1 Error: Runtime exited with error: signal: killed",
    }
    assert "Max Memory Used: 128 MB" in last_line(invocation)


def test_memory_of_children_counts(lab, service):
    source = """
import subprocess, sys
def handler(event, context):
    subprocess.run([sys.executable, "-S", "-c", "x = bytearray(300 << 20); import time; time.sleep(60)"])
"""
    name = lab.create(service, source, Timeout=20)
    assert body(lab.invoke(service, name))["errorType"] == "Runtime.OutOfMemory"


@pytest.mark.parametrize(
    ("source", "handler", "error_type", "message"),
    [
        ("import nowhere", "handler.handler", "Runtime.ImportModuleError", "No module named 'nowhere'"),
        ("x = 1", "handler.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'handler'"),
        ("def (", "handler.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'handler'"),
        ("x = 1", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        ("1 / 0", "handler.handler", "ZeroDivisionError", "division by zero"),
    ],
)
def test_a_failing_initialization(lab, service, source, handler, error_type, message):
    name = lab.create(service, source, Handler=handler)
    for _ in range(2):
        invocation = lab.invoke(service, name)
        assert invocation.function_error == "Unhandled"
        assert body(invocation)["errorType"] == error_type
        assert message in body(invocation)["errorMessage"]
        assert last_line(invocation).endswith(f"\tStatus: error\tError Type: {error_type}\t")


def test_an_exit_during_initialization(lab, service):
    name = lab.create(service, "import os\nos._exit(9)")
    invocation = lab.invoke(service, name)
    assert body(invocation)["errorMessage"] == "RequestId: request-1 Error: Runtime exited with error: exit status 9"
    assert invocation.log_tail.startswith(b"INIT_REPORT Init Duration: ")


def test_initialization_is_repeated_within_the_timeout_of_the_function(lab, service, tmp_path):
    marker = str(tmp_path / "marker")
    source = f"""
import os, time
if not os.path.exists({marker!r}):
    open({marker!r}, "w").close()
    os._exit(1)
def handler(event, context):
    return "second time"
"""
    assert body(lab.invoke(service, lab.create(service, source))) == "second time"


def test_an_endless_initialization_ends_with_the_timeout_of_the_function(lab, service, tmp_path):
    marker = str(tmp_path / "marker")
    source = f"import os, time\nif os.path.exists({marker!r}): time.sleep(60)\nopen({marker!r}, 'w').close()\n1 / 0"
    invocation = lab.invoke(service, lab.create(service, source, Timeout=1))
    assert body(invocation)["errorType"] == "Sandbox.Timedout"


def test_replies_that_are_not_json_values(lab, service):
    source = (
        "def handler(event, context):\n    return {'object': object(), 'nan': float('nan'), 'bytes': b'raw'}[event]\n"
    )
    name = lab.create(service, source)
    failed = lab.invoke(service, name, b'"object"')
    assert body(failed)["errorType"] == "Runtime.MarshalError" and failed.function_error == "Unhandled"
    # AWS's runtime writes NaN as it is, which is no JSON; whoever needs JSON has to look.
    assert lab.invoke(service, name, b'"nan"').payload == b"NaN"
    assert lab.invoke(service, name, b'"bytes"').payload == b"raw"


def test_large_payloads_both_ways(lab, service):
    name = lab.create(
        service, "def handler(event, context):\n    return event * 2 if len(event) > 4000000 else event\n"
    )
    largest = b'"' + b"x" * 3_999_998 + b'"'
    assert lab.invoke(service, name, largest).payload == largest
    beyond = lab.invoke(service, name, b'"' + b"x" * 5_000_000 + b'"')
    assert body(beyond) == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert lab.invoke(service, name, b'"still the same worker"').payload == b'"still the same worker"'


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"{", "InvalidRequestContentException"), (b'"' + b"x" * 6_291_456 + b'"', "RequestEntityTooLargeException")],
)
def test_refused_payloads(lab, service, payload, code):
    name = lab.create(service, COUNTING)
    with pytest.raises(LambdaError) as caught:
        lab.invoke(service, name, payload)
    assert caught.value.code == code


def test_what_the_handler_sees(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "x")
    service = lab.service(tmp_path, endpoint_url=lambda: "http://127.0.0.1:8083", aws_endpoint="http://other")
    source = """
import os, sys
def handler(event, context):
    return {"environment": dict(os.environ), "id": context.aws_request_id, "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis(), "version": context.function_version, "cwd": os.getcwd(),
            "client": context.client_context.custom if context.client_context else None, "event": event,
            "memory": context.memory_limit_in_mb}
"""
    name = lab.create(service, source, Environment={"Variables": {"TABLE": "orders"}}, MemorySize=256, Timeout=7)
    seen = body(lab.invoke(service, name, b"", request_id="id-7", client_context='{"custom": {"a": "b"}}'))
    assert "environment" in seen, seen
    environment = seen["environment"]
    assert seen["id"] == "id-7" and seen["version"] == "$LATEST" and seen["memory"] == "256" and seen["event"] == {}
    assert seen["arn"] == f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    assert 6000 < seen["left"] <= 7000
    assert seen["client"] == {"a": "b"}
    assert seen["cwd"] == environment["LAMBDA_TASK_ROOT"]
    assert environment["TABLE"] == "orders" and environment["AWS_REGION"] == "us-east-1"
    assert environment["AWS_ENDPOINT_URL_LAMBDA"] == environment["AWS_ENDPOINT_URL_SFN"] == "http://127.0.0.1:8083"
    assert environment["AWS_ENDPOINT_URL"] == "http://other"
    group, stream = environment["AWS_LAMBDA_LOG_GROUP_NAME"], environment["AWS_LAMBDA_LOG_STREAM_NAME"]
    assert group == f"/aws/lambda/{name}" and re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    assert LogStream("123456789012", "us-east-1", group, stream) in {found for found, _ in lab.logged}
    assert environment["AWS_ACCESS_KEY_ID"] == "123456789012"
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};.*", environment["_X_AMZN_TRACE_ID"])
    assert "SECRET_OF_THE_SERVER" not in environment and environment["HOME"] == environment["TMPDIR"]


def test_log_order_and_attribution(lab, service):
    source = """
import logging, os, subprocess, sys
logging.getLogger().setLevel("INFO")
print("while importing")
def handler(event, context):
    print("first")
    logging.info("two\\nlines")
    print("to stderr", file=sys.stderr)
    subprocess.run(["echo", "from a child"])
    print("no newline", end="")
    logging.warning("last")
"""
    name = lab.create(service, source)
    lab.invoke(service, name, request_id="a")
    invocation = lab.invoke(service, name, request_id="b")
    lines = [re.sub(r"\t\S+Z\t", "\t", line) for line in invocation.log_tail.decode().splitlines()]
    assert lines[:-1] == [
        "START RequestId: b Version: $LATEST", "first", "[INFO]\tb\ttwo", "lines", "to stderr", "from a child",
        "no newline", "[WARNING]\tb\tlast", "END RequestId: b",
    ]  # fmt: skip
    assert re.fullmatch(
        r"REPORT RequestId: b\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
        r"Max Memory Used: \d+ MB\t",
        invocation.log_tail.decode().splitlines()[-1],
    )
    assert "while importing" in lab.log_of(name)
    assert "two\nlines" in [text.split("\t")[-1] for text in lab.log_of(name)]


def test_the_tail_is_four_kilobytes(lab, service):
    name = lab.create(service, "def handler(event, context):\n    for i in range(20000): print('line', i)\n")
    tail = lab.invoke(service, name).log_tail
    assert len(tail) == 4096 and b"line 19999\nEND RequestId" in tail


def test_json_log_format(lab, service):
    source = "import logging\ndef handler(event, context):\n    logging.getLogger().error('bad')\n"
    name = lab.create(service, source, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN"})
    lines = lab.invoke(service, name).log_tail.decode().splitlines()
    record = json.loads(lines[1])
    assert (record["level"], record["message"], record["requestId"]) == ("ERROR", "bad", "request-1")


def test_the_worker_is_frozen_between_invocations(lab, service):
    source = """
import threading, time
ticks = 0
def tick():
    global ticks
    while True:
        ticks += 1
        time.sleep(0.001)
threading.Thread(target=tick, daemon=True).start()
def handler(event, context):
    if event: time.sleep(event)
    return ticks
"""
    name = lab.create(service, source)
    before = body(lab.invoke(service, name, b"0.1"))
    assert before > 10

    lab.call(asyncio.sleep(0.3))
    # It may tick a few times while it is thawed, but not for the 0.3 seconds in between.
    assert body(lab.invoke(service, name)) - before < 30


def test_work_that_is_left_when_the_handler_returns_goes_on_in_the_next_invocation(lab, service, tmp_path):
    out = str(tmp_path / "out")
    source = f"""
import threading, time
def later():
    time.sleep(0.05)
    open({out!r}, "w").close()
def handler(event, context):
    if event == "start": threading.Thread(target=later).start()
    else: time.sleep(0.2)
"""
    name = lab.create(service, source)
    lab.invoke(service, name, b'"start"')
    lab.invoke(service, name, b'"wait"')
    assert (tmp_path / "out").exists()


def test_a_caller_who_leaves_does_not_stop_the_function(lab, service, tmp_path):
    out = tmp_path / "out"
    name = lab.create(service, f"import time\ndef handler(e, c):\n    time.sleep(0.3)\n    open({str(out)!r}, 'w')\n")

    async def leave():
        try:
            await asyncio.wait_for(service.invoke(name, b"{}", request_id="r"), 0.15)
        except TimeoutError:
            return not out.exists()

    assert lab.call(leave())
    lab.invoke(service, name)
    assert out.exists()


def test_layers(lab, service):
    arn = "arn:aws:lambda:us-east-1:123456789012:layer:shared:1"
    other = arn.replace("shared", "other")
    lab.call(service.put_layer(arn, lab.zipped({"python/shared.py": "NAME = 'first'"})))
    lab.call(service.put_layer(other, lab.zipped({"python/shared.py": "NAME = 'second'", "python/more.py": "X = 1"})))
    source = "import shared, more\ndef handler(event, context):\n    return shared.NAME\n"
    name = lab.create(service, source, Layers=[other, arn])
    assert body(lab.invoke(service, name)) == "first"
    shown = lab.call(service.get_configuration(name))["Layers"]
    assert [entry["Arn"] for entry in shown] == [other, arn] and all(entry["CodeSize"] > 100 for entry in shown)
    with pytest.raises(LambdaError, match="does not exist"):
        lab.create(service, source, Layers=[arn[:-1] + "2"])


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "Runtime exited without providing a reason"),
        (1, "Runtime exited with error: exit status 1"),
        (-signal.SIGKILL, "Runtime exited with error: signal: killed"),
        (-signal.SIGSEGV, "Runtime exited with error: signal: segmentation fault"),
        (-50, "Runtime exited with error: signal: signal 50"),
    ],
)
def test_exit_text(code, text):
    assert exit_text(code) == text


def test_few_workers_initialize_at_once_and_all_callers_are_served(lab, service, tmp_path, monkeypatch):
    """Sixty interpreters at once on two cores would all run into AWS's limit on the init phase."""
    monkeypatch.setattr("stepwell.functions.pool.STARTS_AT_ONCE", 2)
    seen = tmp_path / "seen"
    source = (
        "import os, time\n"
        "def note(what):\n"
        f"    with open({str(seen)!r}, 'a') as file:\n"
        "        file.write(what + '\\n')\n"
        "note('begin')\n"
        "time.sleep(0.1)\n"
        "note('end')\n"
        "def handler(event, context):\n"
        "    time.sleep(0.05)\n"
        "    return os.getpid()\n"
    )
    name = lab.create(service, source, Timeout=30)

    invocations = lab.together([service.invoke(name, b"{}", request_id=f"request-{i}") for i in range(10)])
    assert all(invocation.function_error is None for invocation in invocations)
    at_once = [0]
    for line in seen.read_text().split():
        at_once.append(at_once[-1] + (1 if line == "begin" else -1))
    assert max(at_once) <= 2
    assert len({invocation.payload for invocation in invocations}) < 10, "a worker that came free was not used"
