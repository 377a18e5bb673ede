"""Each example as its README has it: `stepwell up` in a process of its own, boto3 and the example's scripts."""

import base64
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from processes import client, shared_folder
from projects import ARN, EXAMPLES, Project, poll, run_script, writable

pytestmark = pytest.mark.e2e

ACCOUNT = "123456789012"
"""The emulator of other services takes the account from the access key."""


@contextmanager
def example(name: str, *options: str, **parameters: object) -> Iterator[Project]:
    """An example that is up. `{folder}` in its options and parameters is a folder that its functions can write to."""
    with shared_folder() as folder:
        data = writable(folder / "data")
        placed = {key: str(value).format(folder=data) for key, value in parameters.items()}
        project = Project(folder, EXAMPLES / name, *(option.format(folder=data) for option in options), **placed)
        try:
            yield project
        finally:
            project.stop()


def event(name: str, file: str) -> Any:
    return json.loads((EXAMPLES / name / "events" / file).read_bytes())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def output(described: dict[str, Any]) -> Any:
    assert described["status"] == "SUCCEEDED", described
    return json.loads(described["output"])


def test_orders() -> None:
    with example("orders", LedgerDir="{folder}", GatewayMilliseconds="1-2") as orders:
        ledger = orders.folder / "data"
        started = {name: orders.start("Orders", event("orders", f"{name}.json")) for name in ("small", "declined")}
        large = orders.start("Orders", event("orders", "large.json"))

        poll((ledger / "approvals.jsonl").exists, bool)
        run_script(EXAMPLES / "orders" / "approve.py", "--endpoint-url", orders.url, "--ledger", str(ledger))
        assert output(orders.end(large))["status"] == "shipped"
        statuses = {name: output(orders.end(execution))["status"] for name, execution in started.items()}
        assert statuses == {"small": "shipped", "declined": "cancelled"}
        effects = [json.loads(path.read_bytes()) for path in (ledger / "effects").glob("*.json")]
        assert sorted(effect["call"] for effect in effects).count("charge") == 2


def test_funding() -> None:
    with example("funding", CashierDir="{folder}") as funding:
        cashier = funding.folder / "data"
        debit = funding.start("Funding", event("funding", "debit.json"))
        impatient = funding.start("Funding", event("funding", "impatient.json") | {"patienceSeconds": 1})

        poll(lambda: [request["artist"] for request in lines(cashier / "requests.jsonl")], lambda asked: "ada" in asked)
        script = EXAMPLES / "funding" / "fund.py"
        run_script(script, "ada", "200", "--endpoint-url", funding.url, "--cashier", str(cashier))
        assert output(funding.end(debit))["outcome"] == "confirmed"
        assert output(funding.end(impatient))["outcome"] == "reversed"


class Approvers:
    """What people do about one employee's expense, with the example's script."""

    def __init__(self, approval: Project, employee: str, amount: int, **more: int) -> None:
        self.approval = approval
        self.employee = employee
        expense = {"employee": employee, "amount": amount, "purpose": "test", **more}
        self.execution = approval.start("Expenses", expense)

    def verdict(self) -> tuple[str, dict[str, Any]]:
        found = output(self.approval.end(self.execution))
        return found["outcome"], found["verdict"]

    def asked(self) -> dict[str, str]:
        """The number of the request on each approver's desk."""
        return {request["approver"]: request["number"] for request in self._requests()}

    def _requests(self) -> Iterator[dict[str, Any]]:
        for desk in self.approval.folder.glob("data/desks/*.json"):
            with suppress(FileNotFoundError):  # It was answered meanwhile.
                request = json.loads(desk.read_bytes())
                if request["expense"]["employee"] == self.employee:
                    yield request

    @contextmanager
    def at_work(self, approver: str) -> Iterator[None]:
        """Sends heartbeats for this approver, from being asked until the end of the block or of the task."""
        over = threading.Event()

        def work() -> None:
            while not over.wait(0.1):
                for request in self._requests():
                    with suppress(ClientError):
                        if request["approver"] == approver:
                            self.approval.steps.send_task_heartbeat(taskToken=request["token"])

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def act(self, action: str, approver: str, *more: str) -> str:
        """Waits until this approver is asked and lets them do it; what the script says."""
        number = poll(lambda: self.asked().get(approver, ""), bool)
        return self.script(action, number, "--endpoint-url", self.approval.url, *more).stderr.strip()

    def script(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        office = str(self.approval.folder / "data")
        done = run_script(EXAMPLES / "approval" / "approve.py", *arguments, "--office", office)
        assert "Traceback" not in done.stderr, done.stderr
        return done


@pytest.fixture(scope="module")
def expenses() -> Iterator[dict[str, Approvers]]:
    """Expenses by their employees, all under way at once."""
    with example("approval", OfficeDir="{folder}", ReviewSeconds=1) as approval, ExitStack() as work:
        amounts = {"ada": 120, "grace": 40, "kurt": 51, "hedy": 10}
        expenses = {employee: Approvers(approval, employee, amount) for employee, amount in amounts.items()}
        expenses["alan"] = Approvers(approval, "alan", 50, patienceSeconds=2)
        for employee, approver in {"ada": "lee", "grace": "kim", "alan": "lee", "hedy": "lee"}.items():
            work.enter_context(expenses[employee].at_work(approver))
        yield expenses


def test_an_approval_that_is_stopped_is_none(expenses: dict[str, Approvers]) -> None:
    expense = expenses["hedy"]
    steps = expense.approval.steps
    poll(expense.asked, bool)
    history = steps.get_execution_history(executionArn=expense.execution)["events"]
    (submitted,) = (event["taskSubmittedEventDetails"] for event in history if event["type"] == "TaskSubmitted")
    steps.stop_execution(executionArn=json.loads(submitted["output"])["ExecutionArn"])
    outcome, verdict = expense.verdict()
    assert (outcome, verdict["by"]) == ("refused", "nobody")
    assert verdict["reason"] == "there was no verdict: States.TaskFailed"


def test_approval_by_the_first_approver_who_works_on_it(expenses: dict[str, Approvers]) -> None:
    expense = expenses["ada"]
    assert expense.act("heartbeat", "lee") == ""
    poll(lambda: expenses["kurt"].asked(), lambda asked: "kim" in asked)  # Who was not at work is passed over by now.
    listed = expense.script("list").stdout.splitlines()
    assert f"{expense.asked()['lee']}  lee  {{'employee': 'ada', 'amount': 120, 'purpose': 'test'}}" in listed
    assert expense.act("approve", "lee", "--reason", "as agreed") == ""
    outcome, verdict = expense.verdict()
    assert outcome == "paid"
    assert verdict == {"decision": "approved", "by": "lee", "reason": "as agreed", "passedOver": []}


def test_approval_falls_back_to_the_next_approver(expenses: dict[str, Approvers]) -> None:
    expense = expenses["grace"]
    assert expense.act("reject", "kim", "--reason", "no books") == ""
    outcome, verdict = expense.verdict()
    assert (outcome, verdict["decision"], verdict["by"]) == ("refused", "rejected", "kim")
    assert verdict["passedOver"] == [{"approver": "lee", "because": "not at work"}]
    assert expense.act("approve", "lee").startswith("Too late")


def test_approval_by_policy_when_nobody_decides(expenses: dict[str, Approvers]) -> None:
    outcome, verdict = expenses["alan"].verdict()
    assert (outcome, verdict["decision"], verdict["by"]) == ("paid", "approved", "policy")
    assert [each["because"] for each in verdict["passedOver"]] == ["undecided", "not at work"]
    outcome, verdict = expenses["kurt"].verdict()
    assert (outcome, verdict["decision"], verdict["by"]) == ("refused", "rejected", "policy")
    assert [each["approver"] for each in verdict["passedOver"]] == ["lee", "kim"]


def test_report_job() -> None:
    with example("report-job", PollSeconds=1) as report:
        emulator = re.search(r"on (http://127\.0\.0\.1:\d+) \(", report.text())
        assert emulator, report.text()
        queues, jobs = (client(service, emulator[1], key=ACCOUNT) for service in ("sqs", "dynamodb"))
        events = {name: event("report-job", f"{name}.json") for name in ("march", "broken", "slow")}
        events["march"]["takesSeconds"] = 0
        events["slow"] |= {"takesSeconds": 3, "deadlineSeconds": 1}
        # As if the answer to a first attempt at entering the job had been lost.
        job = {"job": f"{ARN}:execution:ReportJob:march", "state": "WAITING", "request": json.dumps(events["march"])}
        jobs.put_item(TableName="Jobs", Item={name: {"S": value} for name, value in job.items()})
        started = {name: report.start("ReportJob", value, name=name) for name, value in events.items()}
        ended = {name: report.end(execution) for name, execution in started.items()}
        assert output(ended["march"]) == {"report": "ada owes 42.00, grace owes 12.50"}
        assert [ended[name]["error"] for name in ("broken", "slow")] == ["ReportFailed", "ReportOverdue"]

        inbox = queues.get_queue_url(QueueName="Inbox")["QueueUrl"]
        announced: dict[str, str] = {}
        while len(announced) < 3:
            for message in queues.receive_message(QueueUrl=inbox, WaitTimeSeconds=5).get("Messages", []):
                body = json.loads(message["Body"])
                announced[body["job"].rpartition(":")[2]] = body["state"]
        assert announced == {"march": "DONE", "broken": "FAILED", "slow": "OVERDUE"}

        # A worker that is late finds the job at its end and leaves it so.
        late = client("lambda", report.url).invoke(
            FunctionName="MakeReport", Payload=json.dumps({"job": started["slow"]}), LogType="Tail"
        )
        assert b"nobody waits for the report" in base64.b64decode(late["LogResult"])
        slow = jobs.get_item(TableName="Jobs", Key={"job": {"S": started["slow"]}})["Item"]
        assert (slow["state"]["S"], slow["told"]["S"]) == ("OVERDUE", "not done in time")


def test_import_csv() -> None:
    with example(
        "import-csv", "--items-folder", "{folder}", Bucket="file://{folder}", ProductsDir="{folder}/products"
    ) as imports:
        data = imports.folder / "data"
        assert run_script(EXAMPLES / "import-csv" / "generate.py", "--out", str(data / "prices.csv")).returncode == 0
        execution = imports.start("ImportCsv", event("import-csv", "prices.json"))
        told = output(imports.end(execution))
        assert (told["imported"], told["bad"], told["failedRows"]) == (9_702, 98, 200)
        assert told["batches"] == {"succeeded": 98, "failed": 2}
        assert len(list((data / "products").glob("*.json"))) == 9_702
        (run,) = imports.steps.list_map_runs(executionArn=execution)["mapRuns"]
        counts = imports.steps.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
        assert (counts["total"], counts["succeeded"], counts["failed"]) == (10_000, 9_800, 200)
