"""Functions, versions, concurrency, events: what the service keeps and how it answers."""

import asyncio
import json
import time

import pytest

from stepwell.functions.errors import LambdaError
from stepwell.functions.service import MAX_EVENT_BYTES

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
ECHO = "def handler(event, context):\n    return event\n"
VERSION = "def handler(event, context):\n    return [context.function_version, context.invoked_function_arn]\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def refused(lab, coroutine) -> LambdaError:
    with pytest.raises(LambdaError) as caught:
        lab.call(coroutine)
    return caught.value


def lines(path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def until(condition):
    """Wait for what worker processes bring about; bounded, so that a failure is a failure."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_configuration_of_a_new_function(lab, service):
    name = lab.create(service, ECHO, Environment={"Variables": {"AB": "c"}}, Description="d", Tags={"team": "x"})
    reply = lab.call(service.get(name))
    configuration = reply["Configuration"]
    assert configuration["FunctionArn"] == ARN + name and configuration["Version"] == "$LATEST"
    assert configuration["State"] == "Active" and configuration["LastUpdateStatus"] == "Successful"
    assert configuration["Timeout"] == 3 and configuration["MemorySize"] == 128
    assert configuration["Environment"] == {"Variables": {"AB": "c"}} and configuration["Description"] == "d"
    assert reply["Tags"] == {"team": "x"} and "Concurrency" not in reply
    assert len(configuration["CodeSha256"]) == 44 and configuration["CodeSize"] > 100


def test_creation_answers_pending(lab, service):
    request = {"FunctionName": "new", "Runtime": "python3.13", "Handler": "a.b", "Role": "r"}
    created = lab.call(service.create({**request, "Code": {"ZipFile": lab.zipped({"a.py": ECHO})}}))
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    again = refused(lab, service.create({**request, "Code": {"ZipFile": lab.zipped({"a.py": ECHO})}}))
    assert (again.code, again.status, again.message) == (
        "ResourceConflictException",
        409,
        "Function already exist: new",
    )


@pytest.mark.parametrize(
    ("members", "code", "part"),
    [
        ({"Runtime": "nodejs20.x"}, "InvalidParameterValueException", "nodejs20.x"),
        ({"Runtime": "python2.7"}, "InvalidParameterValueException", "python2.7"),
        ({"PackageType": "Image"}, "InvalidParameterValueException", "Image"),
        ({"Handler": ""}, "InvalidParameterValueException", "Handler"),
        ({"Timeout": 901}, "ValidationException", "less than or equal to 900"),
        ({"MemorySize": 64}, "ValidationException", "greater than or equal to 128"),
        ({"FunctionName": "../../etc"}, "ValidationException", "functionName"),
        ({"FunctionName": "f:1"}, "InvalidParameterValueException", "qualifier"),
        ({"Code": {"S3Bucket": "b", "S3Key": "k"}}, "InvalidParameterValueException", "S3"),
        ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException", "Could not unzip"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException", "AWS_REGION"),
        ({"Environment": {"Variables": {"A1": "x" * 4095}}}, "InvalidParameterValueException", "4KB"),
        ({"Environment": {"Variables": {"A=B": "x"}}}, "ValidationException", "environment.variables"),
        ({"LoggingConfig": {"ApplicationLogLevel": "INFO"}}, "InvalidParameterValueException", "JSON"),
    ],
)
def test_refused_functions(lab, service, members, code, part):
    request = {"FunctionName": "f", "Runtime": "python3.12", "Handler": "h.h", "Role": "r"}
    request |= {"Code": {"ZipFile": lab.zipped({"h.py": ECHO})}}
    error = refused(lab, service.create({**request, **members}))
    assert error.code == code and part in error.message
    assert lab.call(service.list_functions()) == []


@pytest.mark.parametrize("form", ["{}", ARN + "{}", "123456789012:function:{}", "function:{}", ARN + "{}:$LATEST"])
def test_names_and_arns(lab, service, form):
    name = lab.create(service, ECHO)
    assert lab.invoke(service, form.format(name), b"5").payload == b"5"


def test_missing_functions(lab, service):
    invoked = refused(lab, service.invoke("nothing", b"{}", request_id="r"))
    assert (invoked.status, invoked.message) == (404, f"Function not found: {ARN}nothing:$LATEST")
    assert refused(lab, service.get("nothing")).message == f"Function not found: {ARN}nothing"
    name = lab.create(service, ECHO)
    assert refused(lab, service.get(name, qualifier="7")).message == f"Function not found: {ARN}{name}:7"
    different = refused(lab, service.get(f"{name}:1", qualifier="2"))
    assert different.code == "InvalidParameterValueException" and "derived qualifier" in different.message


def test_accounts_and_regions_are_apart(lab, service):
    name = lab.create(service, ECHO)
    for scope in ({"account": "000000000001"}, {"region": "eu-west-1"}):
        assert refused(lab, service.get(name, **scope)).status == 404
        assert lab.call(service.list_functions(**scope)) == []
    assert lab.invoke(service, ARN + name, b"1", account="000000000001", region="eu-west-1").payload == b"1"


def test_versions(lab, service):
    name = lab.create(service, VERSION)
    first = lab.call(service.publish_version(name, {"Description": "one"}))
    assert (first["Version"], first["FunctionArn"], first["Description"]) == ("1", f"{ARN}{name}:1", "one")
    assert lab.call(service.publish_version(name))["Version"] == "1"
    changed = lab.zipped({"handler.py": VERSION.replace("return", "return ['new'] +")})
    updated = lab.call(service.update_code(name, {"ZipFile": changed, "Publish": True}))
    assert updated["Version"] == "2"
    assert json.loads(lab.invoke(service, name).payload) == ["new", "$LATEST", ARN + name]
    assert json.loads(lab.invoke(service, f"{name}:1").payload) == ["1", f"{ARN}{name}:1"]
    assert lab.invoke(service, name, qualifier="2").executed_version == "2"
    assert [entry["Version"] for entry in lab.call(service.list_versions(name))] == ["$LATEST", "1", "2"]
    lab.call(service.delete(name, qualifier="1"))
    assert [entry["Version"] for entry in lab.call(service.list_versions(name))] == ["$LATEST", "2"]
    assert refused(lab, service.invoke(name, b"", request_id="r", qualifier="1")).status == 404
    lab.call(service.update_configuration(name, {"Timeout": 9}))
    assert lab.call(service.publish_version(name))["Version"] == "3"
    assert refused(lab, service.delete(name, qualifier="$LATEST")).code == "InvalidParameterValueException"


def test_updates_reach_the_next_invocation(lab, service):
    name = lab.create(service, "import os\ndef handler(e, c):\n    return [os.environ.get('A_'), os.getpid()]\n")
    before = json.loads(lab.invoke(service, name).payload)
    reply = lab.call(service.update_configuration(name, {"Environment": {"Variables": {"A1": "x", "A_": "y"}}}))
    assert reply["LastUpdateStatus"] == "InProgress"
    after = json.loads(lab.invoke(service, name).payload)
    assert before[0] is None and after[0] == "y" and before[1] != after[1]
    lab.call(service.update_code(name, {"ZipFile": lab.zipped({"handler.py": ECHO})}))
    assert lab.invoke(service, name, b"3").payload == b"3"


def test_a_revision_that_is_not_the_latest_is_refused(lab, service):
    name = lab.create(service, ECHO)
    stale = lab.call(service.get_configuration(name))["RevisionId"]
    lab.call(service.update_configuration(name, {"RevisionId": stale, "Timeout": 4}))
    error = refused(lab, service.update_configuration(name, {"RevisionId": stale, "Timeout": 5}))
    assert (error.code, error.status) == ("PreconditionFailedException", 412)
    assert lab.call(service.get_configuration(name))["Timeout"] == 4
    wrong = refused(lab, service.publish_version(name, {"CodeSha256": "x"}))
    assert "is different from current CodeSHA256" in wrong.message


def test_deletion_removes_function_and_code(lab, tmp_path):
    service = lab.service(tmp_path)
    documents = lab.documents
    first, second = lab.create(service, ECHO), lab.create(service, ECHO)
    lab.call(service.delete(first))
    assert refused(lab, service.get(first)).status == 404
    assert lab.invoke(service, second, b"1").payload == b"1"  # The same code, which is kept once.
    lab.call(service.delete(second))
    assert documents.bodies == {}
    assert refused(lab, service.delete(second)).status == 404


def test_a_restart_keeps_functions_and_sweeps_the_rest(lab, tmp_path):
    service = lab.service(tmp_path)
    documents = lab.documents
    kept, dropped = lab.create(service, ECHO), lab.create(service, VERSION)
    lab.call(service.delete(dropped))
    lab.call(service.close())
    assert len(list((tmp_path / "code").iterdir())) == 2
    (tmp_path / "tmp" / "sandbox-left").mkdir()
    again = lab.service(tmp_path, documents)
    assert len(list((tmp_path / "code").iterdir())) == 1 and list((tmp_path / "tmp").iterdir()) == []
    assert lab.invoke(again, kept, b"7").payload == b"7"
    elsewhere = lab.service(tmp_path / "another node", documents)
    assert lab.invoke(elsewhere, kept, b"8").payload == b"8"


def test_reserved_concurrency(lab, service):
    name = lab.create(service, "import time\ndef handler(e, c):\n    time.sleep(0.3)\n    return 1\n")
    lab.call(service.put_concurrency(name, 2))
    assert lab.call(service.get(name))["Concurrency"] == {"ReservedConcurrentExecutions": 2}
    results = lab.together([service.invoke(name, b"", request_id=str(i)) for i in range(4)])
    failed = [result for result in results if isinstance(result, LambdaError)]
    assert len(failed) == 2 and len(results) - len(failed) == 2
    assert (failed[0].code, failed[0].status) == ("TooManyRequestsException", 429)
    assert failed[0].extra == {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}
    lab.call(service.put_concurrency(name, 0))
    assert refused(lab, service.invoke(name, b"", request_id="r")).status == 429
    lab.call(service.delete_concurrency(name))
    assert lab.invoke(service, name).payload == b"1"


def test_callers_beyond_the_limit_wait_their_turn(lab, tmp_path):
    service = lab.service(tmp_path, max_sandboxes=2)
    out = tmp_path / "order"
    source = f"import time\ndef handler(e, c):\n    print(e, file=open({str(out)!r}, 'a'))\n    time.sleep(0.05)\n"
    names = [lab.create(service, source), lab.create(service, source)]
    results = lab.together([service.invoke(names[i % 2], b"%d" % i, request_id="r") for i in range(8)])
    assert all(result.function_error is None for result in results)
    order = [int(line) for line in lines(out)]
    # Two run at a time, so neighbours may change places, but nobody is overtaken by more than that.
    assert sorted(order) == list(range(8)) and all(abs(place - i) <= 2 for place, i in enumerate(order))
    assert service._pool.count() <= 2


def test_idle_workers_end(lab, tmp_path):
    service = lab.service(tmp_path, idle_seconds=0.05)
    name = lab.create(service, ECHO)
    lab.invoke(service, name)
    until(lambda: service._pool.count() == 0)
    assert lab.invoke(service, name, b"2").payload == b"2"


def test_closing_ends_what_runs(lab, tmp_path):
    service = lab.service(tmp_path)
    name = lab.create(service, "import time\ndef handler(e, c):\n    time.sleep(60)\n", Timeout=60)

    async def close_while_running():
        running = asyncio.ensure_future(service.invoke(name, b"", request_id="r"))
        await asyncio.sleep(0.2)
        await service.close()
        return await running

    assert json.loads(lab.call(close_while_running()).payload)["errorType"] == "Runtime.ExitError"
    assert refused(lab, service.invoke(name, b"", request_id="r")).code == "ServiceException"


def test_an_event_is_run_later_with_its_request_id(lab, service, tmp_path):
    out = tmp_path / "out"
    source = f"def handler(e, c):\n    print(e['n'], c.aws_request_id, file=open({str(out)!r}, 'a'))\n"
    name = lab.create(service, source)
    lab.call(service.invoke_event(name, b'{"n": 5}', request_id="event-1"))
    until(lambda: lines(out) == ["5 event-1"])
    until(lambda: not [kind for kind, _key in lab.documents.bodies if kind == "function-event"])


def test_a_failing_event_is_retried_after_one_and_two_minutes(lab, tmp_path):
    clock, out = Clock(), tmp_path / "out"
    service = lab.service(tmp_path / "data", clock=clock)
    source = f"def handler(e, c):\n    print(c.aws_request_id, file=open({str(out)!r}, 'a'))\n    raise ValueError\n"
    name = lab.create(service, source)
    lab.call(service.invoke_event(name, b"{}", request_id="same"))
    documents = lab.documents
    for attempt, seconds in ((1, 60), (2, 120)):
        until(lambda attempt=attempt: len(lines(out)) == attempt and attempts(documents) == [attempt])
        clock.now += seconds - 1
        lab.call(wake(service))
        assert len(lines(out)) == attempt
        clock.now += 1
        lab.call(wake(service))
    until(lambda: len(lines(out)) == 3 and attempts(documents) == [])
    assert set(lines(out)) == {"same"}
    assert "given up after 3 attempts" in lab.log_of(name)[-1]


async def wake(service):
    service.wake_events()
    await asyncio.sleep(0.05)


def attempts(documents) -> list[int]:
    bodies = [body for (kind, _key), body in list(documents.bodies.items()) if kind == "function-event"]
    return [json.loads(body)["attempt"] for body in bodies]


def test_events_survive_a_restart(lab, tmp_path):
    out = tmp_path / "out"
    clock = Clock()
    service = lab.service(tmp_path, clock=clock)
    documents = lab.documents
    name = lab.create(service, f"def handler(e, c):\n    print(e, file=open({str(out)!r}, 'a'))\n")
    lab.call(service.put_concurrency(name, 0))  # Throttled, so it stays in the queue.
    lab.call(service.invoke_event(name, b"1", request_id="r"))
    lab.call(service.close())
    assert attempts(documents) == [0] and lines(out) == []
    again = lab.service(tmp_path, documents, clock=clock)
    lab.call(again.delete_concurrency(name))

    def done_after_a_while() -> bool:
        clock.now += 10  # It may be throttled once more before the new concurrency shows.
        lab.call(wake(again))
        return lines(out) == ["1"]

    until(done_after_a_while)


def test_an_event_for_a_function_that_is_gone_is_dropped(lab, tmp_path):
    clock = Clock()
    service = lab.service(tmp_path, clock=clock)
    name = lab.create(service, "raise ValueError")
    lab.call(service.invoke_event(name, b"1", request_id="r"))
    documents = lab.documents
    until(lambda: attempts(documents) == [1])
    lab.call(service.delete(name))
    clock.now += 61
    lab.call(wake(service))
    until(lambda: attempts(documents) == [])


def test_refused_events(lab, service):
    name = lab.create(service, ECHO)
    large = b'"' + b"x" * MAX_EVENT_BYTES + b'"'
    error = refused(lab, service.invoke_event(name, large, request_id="r"))
    assert (error.code, error.status) == ("RequestEntityTooLargeException", 413)
    assert refused(lab, service.invoke_event(name, b"{", request_id="r")).code == "InvalidRequestContentException"
    assert refused(lab, service.invoke_event("nothing", b"{}", request_id="r")).status == 404


def test_permissions_and_tags(lab, service):
    name = lab.create(service, ECHO)
    request = {"StatementId": "s1", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    statement = lab.call(service.add_permission(name, {**request, "SourceArn": "arn:aws:events:::rule/r"}))
    assert statement["Principal"] == {"Service": "events.amazonaws.com"} and statement["Resource"] == ARN + name
    assert refused(lab, service.add_permission(name, request)).code == "ResourceConflictException"
    assert lab.call(service.get_policy(name))["Statement"] == [statement]
    lab.call(service.remove_permission(name, "s1"))
    assert refused(lab, service.get_policy(name)).status == 404
    assert refused(lab, service.remove_permission(name, "s1")).status == 404
    lab.call(service.tag(ARN + name, {"a": "1", "b": "2"}))
    lab.call(service.untag(ARN + name, ["a", "c"]))
    assert lab.call(service.list_tags(ARN + name)) == {"b": "2"}


def test_a_note_when_another_python_is_asked_for(lab, service):
    name = lab.create(service, ECHO, Runtime="python3.99")
    assert "python3.99 is asked for" in lab.log_of(name)[0]
