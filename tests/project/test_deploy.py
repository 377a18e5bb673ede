"""Deployment to a real endpoint, and the examples run on it."""

import asyncio
import io
import json
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn

from stepwell.api.server import Server
from stepwell.project.deploy import Deployed, deploy
from stepwell.project.discover import load_plan
from stepwell.project.init import create_project
from stepwell.project.plan import ProjectError

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES / "orders"))
sys.path.insert(0, str(EXAMPLES / "funding" / "functions"))
import approve  # noqa: E402
from cashier import Cashier, read_lines  # noqa: E402

PASS = '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": %s, "End": true}}}'


class Endpoint:
    """A server in a thread, and clients of it."""

    def __init__(self, folder: Path) -> None:
        self._ready = threading.Event()
        self._uvicorn: uvicorn.Server | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(folder)))
        self._thread.start()
        assert self._ready.wait(30)
        self.sfn = self.client("stepfunctions")
        self.functions = self.client("lambda")

    async def _serve(self, folder: Path) -> None:
        server = await Server.open(store_url="memory:", data_dir=folder, limits="aws")
        self._uvicorn = uvicorn.Server(uvicorn.Config(server.app, log_level="warning", lifespan="off"))
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        await server.start(self.url)
        self._ready.set()
        await self._uvicorn.serve(sockets=[listener])
        await server.close()

    def close(self) -> None:
        assert self._uvicorn
        self._uvicorn.should_exit = True
        self._thread.join(20)

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", **keys)

    def run(self, machine_arn: str, value: Any, while_waiting: Callable[[], Any] = lambda: None) -> dict[str, Any]:
        """Starts an execution and waits for its end."""
        arn = self.sfn.start_execution(stateMachineArn=machine_arn, input=json.dumps(value))["executionArn"]
        deadline = time.monotonic() + 20
        while (described := self.sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline
            while_waiting()
            time.sleep(0.02)
        return described


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    endpoint = Endpoint(tmp_path_factory.mktemp("data"))
    yield endpoint
    endpoint.close()


def deployed(endpoint: Endpoint, path: Path, **parameters: str) -> tuple[Deployed, list[str]]:
    lines: list[str] = []
    return deploy(load_plan(path, parameters), endpoint.url, lines.append), lines


def test_a_new_project_runs(endpoint: Endpoint, tmp_path: Path) -> None:
    folder = create_project("hello", tmp_path)
    made, lines = deployed(endpoint, folder)
    expected = ["created function hello-check", "created function hello-greet", "created state machine hello"]
    assert lines == expected
    ended = endpoint.run(made.machines["hello"], json.loads((folder / "input.json").read_text()))
    assert json.loads(ended["output"]) == ["Hello, Ada!", "Hello, Grace!", "Hello, Barbara!"]
    assert endpoint.run(made.machines["hello"], {"names": []})["error"] == "NobodyThere"


def test_a_second_deployment_updates(endpoint: Endpoint, project: Any) -> None:
    template = """\
        Resources:
          Again:
            Type: AWS::Lambda::Function
            Properties:
              Handler: index.handler
              Runtime: python3.12
              Code: {ZipFile: "def handler(event, context): return %d"}
              Timeout: %d
              %s
          AgainFlow:
            Type: AWS::StepFunctions::StateMachine
            Properties:
              DefinitionString: '%s'
          AgainWork: {Type: AWS::StepFunctions::Activity}
        """
    project.write("template.yaml", template % (1, 5, "ReservedConcurrentExecutions: 2", PASS % 1))
    first, lines = deployed(endpoint, project.folder)
    assert [line.split()[0] for line in lines] == ["created"] * 3
    concurrency = endpoint.functions.get_function_concurrency(FunctionName="Again")
    assert concurrency["ReservedConcurrentExecutions"] == 2

    project.write("template.yaml", template % (2, 6, "", PASS % 2))
    second, lines = deployed(endpoint, project.folder)
    assert second == first
    assert lines[0] == "updated function Again"
    assert lines[-1] == "updated state machine AgainFlow"
    assert endpoint.functions.get_function_configuration(FunctionName="Again")["Timeout"] == 6
    assert endpoint.functions.invoke(FunctionName="Again")["Payload"].read() == b"2"
    assert "ReservedConcurrentExecutions" not in endpoint.functions.get_function_concurrency(FunctionName="Again")
    assert endpoint.run(second.machines["AgainFlow"], {})["output"] == "2"


def test_versions_and_aliases(endpoint: Endpoint, project: Any) -> None:
    template = """\
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Published:
            Type: AWS::Serverless::StateMachine
            Properties: {Name: published, AutoPublishAlias: live, Definition: %s}
          Split:
            Type: AWS::StepFunctions::StateMachineAlias
            Properties:
              Description: both
              RoutingConfiguration:
                - {StateMachineVersionArn: !Sub "${Published}:1", Weight: 40}
                - {StateMachineVersionArn: !Ref PublishedVersion, Weight: 60}
        """
    project.write("template.yaml", template % (PASS % 1))
    made, lines = deployed(endpoint, project.folder)
    machine = made.machines["published"]
    assert made.aliases == {"published:Split": machine + ":Split", "published:live": machine + ":live"}
    version, split, live = "state machine published", "alias published:Split", "alias published:live"
    assert lines[-3:] == [f"published {version}:1", f"created {split}", f"created {live}"]
    _, lines = deployed(endpoint, project.folder)
    assert lines[-3:] == [f"published {version}:1", f"kept {split}", f"kept {live}"]
    project.write("template.yaml", template % (PASS % 2))
    _, lines = deployed(endpoint, project.folder)
    assert lines[-3:] == [f"published {version}:2", f"updated {split}", f"updated {live}"]
    described = endpoint.sfn.describe_state_machine_alias(stateMachineAliasArn=machine + ":Split")
    assert described["description"] == "both"
    assert [(route["stateMachineVersionArn"], route["weight"]) for route in described["routingConfiguration"]] == [
        (machine + ":1", 40), (machine + ":2", 60),
    ]  # fmt: skip
    assert endpoint.run(machine + ":live", {})["output"] == "2"
    assert endpoint.run(machine + ":1", {})["output"] == "1"


def test_layers_lie_beside_the_function(endpoint: Endpoint, project: Any) -> None:
    project.write("src/app.py", "import common, own\ndef handler(event, context): return [common.NAME, own.NAME]")
    project.write("src/own.py", "NAME = 'function'")
    project.write("first/python/common.py", "NAME = 'first'")
    project.write("first/python/own.py", "NAME = 'layer'")
    with zipfile.ZipFile(project.folder / "second.zip", "w") as archive:
        archive.writestr("python/common.py", "NAME = 'second'")
    project.write(
        "template.yaml",
        """\
        Transform: AWS::Serverless-2016-10-31
        Resources:
          First: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: first/}}
          Second: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: second.zip}}
          Layered:
            Type: AWS::Serverless::Function
            Properties:
              CodeUri: src/
              Handler: app.handler
              Runtime: python3.12
              Layers: [!Ref First, !Ref Second]
        """,
    )
    deployed(endpoint, project.folder)
    payload = endpoint.functions.invoke(FunctionName="Layered")["Payload"].read()
    assert json.loads(payload) == ["second", "function"]


def test_invalid_definitions_are_shown_with_file_and_place(endpoint: Endpoint, project: Any) -> None:
    states = {"A": {"Type": "Pass", "Next": "Nowhere"}, "B": {"Type": "Odd"}}
    path = project.write("flow.asl.json", json.dumps({"StartAt": "A", "States": states}))
    with pytest.raises(ProjectError) as caught:
        deployed(endpoint, project.folder)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path}: shop is not valid:"
    assert any("/States/A/Next" in line for line in lines[1:])
    assert all(line.startswith("  ") for line in lines[1:])


def test_a_machine_keeps_its_type(endpoint: Endpoint, project: Any) -> None:
    template = "Resources: {Kept: {Type: AWS::StepFunctions::StateMachine, Properties: {%s Definition: %s}}}"
    project.write("template.yaml", template % ("", PASS % 1))
    deployed(endpoint, project.folder)
    project.write("template.yaml", template % ("StateMachineType: EXPRESS,", PASS % 1))
    with pytest.raises(ProjectError, match="Kept exists with the type STANDARD, which cannot change"):
        deployed(endpoint, project.folder)


def test_what_the_endpoint_refuses_is_an_error(endpoint: Endpoint, project: Any) -> None:
    project.write("template.yaml", "Resources: {W: {Type: AWS::StepFunctions::Activity, Properties: {Name: 'a b'}}}")
    with pytest.raises(ProjectError, match="InvalidName"):
        deployed(endpoint, project.folder)


def test_a_server_that_is_not_there(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.project.deploy.ATTEMPTS", 1)
    project.write("flow.asl.json", PASS % 1)
    with pytest.raises(ProjectError, match="cannot be reached"):
        deploy(load_plan(project.folder), "http://127.0.0.1:9", print)


def test_a_layer_that_is_a_zip_bomb(endpoint: Endpoint, project: Any) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"python/{number}", b"\0" * 100_000_000)
    (project.folder / "bomb.zip").write_bytes(buffer.getvalue())
    project.write("src/app.py")
    project.write(
        "template.yaml",
        """\
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Bomb: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: bomb.zip}}
          F:
            Type: AWS::Serverless::Function
            Properties: {CodeUri: src/, Handler: app.h, Runtime: python3.12, Layers: [!Ref Bomb]}
        """,
    )
    with pytest.raises(ProjectError, match="more than 262,144,000 bytes unzipped"):
        deployed(endpoint, project.folder)


@pytest.fixture(scope="module")
def orders(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The ARN of examples/orders and its ledger, which functions of another user must be able to write."""
    ledger = tmp_path_factory.mktemp("ledger")
    for folder in (ledger, ledger.parent, ledger.parent.parent):
        folder.chmod(0o777 if folder == ledger else 0o755)
    made, _ = deployed(endpoint, EXAMPLES / "orders", LedgerDir=str(ledger), GatewayMilliseconds="1-2")
    return made.machines["Orders"], ledger


@pytest.mark.parametrize(
    ("order", "approved", "expected"),
    [
        (
            {"order": "o-1", "quantity": 1, "amount": 40, "card": "visa"},
            None,
            {"status": "shipped", "charge": "ch-o-1"},
        ),
        ({"order": "o-2", "quantity": 1, "amount": 40, "card": "lost-answer"}, None, {"status": "shipped"}),
        ({"order": "o-3", "quantity": 1, "amount": 40, "card": "declined"}, None, {"reason": "PaymentDeclined"}),
        ({"order": "o-4", "quantity": 1, "amount": 900, "card": "visa"}, True, {"status": "shipped"}),
        ({"order": "o-5", "quantity": 1, "amount": 900, "card": "visa"}, False, {"reason": "OrderRejected"}),
    ],
)
def test_orders(
    endpoint: Endpoint, orders: tuple[str, Path], order: dict[str, Any], approved: bool | None, expected: Any
) -> None:
    machine, ledger = orders

    def answer() -> None:
        if request := approve.waiting(ledger).get(order["order"]):
            approve.answer(endpoint.sfn, request, bool(approved))

    ended = endpoint.run(machine, order, answer)
    output = json.loads(ended["output"])
    assert output["order"] == order["order"]
    assert {name: output[name] for name in expected} == expected
    effects = [json.loads(path.read_bytes()) for path in ledger.glob("effects/*.json")]
    made = sorted(effect["call"] for effect in effects if effect["order"] == order["order"])
    asked = ["approval"] if approved is not None else []
    if output["status"] == "shipped":
        assert made == sorted([*asked, "reserve", "charge", "ship", "mail"])
    else:
        assert made == sorted([*asked, "reserve", "release"])


@pytest.fixture(scope="module")
def funding(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    cashier = tmp_path_factory.mktemp("cashier")
    for folder in (cashier, cashier.parent, cashier.parent.parent):
        folder.chmod(0o777 if folder == cashier else 0o755)
    made, _ = deployed(endpoint, EXAMPLES / "funding", CashierDir=str(cashier))
    return made.machines["Funding"], cashier


def test_a_debit_that_is_funded(endpoint: Endpoint, funding: tuple[str, Path]) -> None:
    machine, cashier = funding

    def fund() -> None:
        for request in read_lines(cashier / "requests.jsonl"):
            assert (request["artist"], request["missing"]) == ("ada", 120)
            approve.answer(endpoint.sfn, request, True)

    ended = endpoint.run(machine, {"artist": "ada", "amount": 120}, fund)
    assert json.loads(ended["output"])["outcome"] == "confirmed"


def test_a_debit_that_nobody_funds(endpoint: Endpoint, funding: tuple[str, Path]) -> None:
    machine, cashier = funding
    ended = endpoint.run(machine, {"artist": "grace", "amount": 50, "patienceSeconds": 1})
    output = json.loads(ended["output"])
    assert (output["outcome"], output["balance"]) == ("reversed", 0)
    entries = read_lines(cashier / "entries.jsonl")
    assert [entry["amount"] for entry in entries if entry["artist"] == "grace"] == [-50, 50]


def test_a_debit_that_is_covered_without_waking_anybody_stands(endpoint: Endpoint, funding: tuple[str, Path]) -> None:
    """The payment comes before the request for it is written, so nobody holds a token yet."""
    machine, cashier = funding
    paid = False

    def pay() -> None:
        nonlocal paid
        if not paid and any(entry["artist"] == "hedy" for entry in read_lines(cashier / "entries.jsonl")):
            paid = True
            event = {"key": "payment", "artist": "hedy"}
            Cashier(cashier).enter("fund", event, "payment", lambda balance: {"amount": 50})

    ended = endpoint.run(machine, {"artist": "hedy", "amount": 50, "patienceSeconds": 1}, pay)
    output = json.loads(ended["output"])
    assert (output["outcome"], output["balance"]) == ("confirmed", 0)
