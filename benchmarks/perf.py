"""`make perf`: what Stepwell costs, each figure beside a raw limit measured in the same run. Prints JSON.

Trust the ratios: absolute times depend on the machine and on what else it does.
"""

import asyncio
import json
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import uvloop
from lean import Connection, rate

from stepwell.asl.compile import compile_definition
from stepwell.asl.program import Program
from stepwell.engine.engine import Engine
from stepwell.functions.service import FunctionService
from stepwell.machine import journal
from stepwell.machine.apply import apply
from stepwell.machine.commands import StartTask
from stepwell.machine.decide import decide
from stepwell.machine.execution import RUNNING, Execution
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import BudgetRenewed, StartRequested, Stimulus
from stepwell.store.memory import MemoryStore
from stepwell.store.open import open_store
from stepwell.store.protocol import ExecutionRow

CLIENTS = (1, 16, 64)
ROLE = "arn:aws:iam::123456789012:role/perf"


# --- the work


def passes(count: int) -> dict[str, Any]:
    """A chain of Pass states."""
    states = {f"Pass{i}": {"Type": "Pass", "Next": f"Pass{i + 1}"} for i in range(1, count)}
    return {"StartAt": "Pass1", "States": {**states, f"Pass{count}": {"Type": "Pass", "End": True}}}


def loop(rounds: int) -> dict[str, Any]:
    """A Choice that goes round a counting Pass: two transitions a round."""
    return {
        "StartAt": "Init",
        "States": {
            "Init": {"Type": "Pass", "Result": {"n": 0}, "Next": "More"},
            "More": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.n", "NumericLessThan": rounds, "Next": "Count"}],
                "Default": "Done",
            },
            "Count": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "More"},
            "Done": {"Type": "Succeed"},
        },
    }


def one_lambda(function: str) -> dict[str, Any]:
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function}"
    return {"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": arn, "End": True}}}


def request(name: str = "perf") -> StartRequested:
    return StartRequested(
        at=time.time(), execution=f"arn:aws:states:us-east-1:123456789012:execution:perf:{name}", name=name,
        state_machine="arn:aws:states:us-east-1:123456789012:stateMachine:perf", state_machine_name="perf",
        revision="perf", role=ROLE, region="us-east-1", input=Payload.of_text('{"order": 17}'), seed="0" * 32,
        limits="extended",
    )  # fmt: skip


def run_pure(program: Program) -> tuple[Execution, list[bytes]]:
    """Run a machine that needs nothing from outside; the state and the encoded steps."""
    execution = Execution()
    stimulus: Stimulus = request()
    bodies = []
    while execution.status == RUNNING:
        step = decide(program, execution, stimulus)
        bodies.append(journal.encode(step.records).body)
        stimulus = BudgetRenewed(at=time.time())
    return execution, bodies


def per_second(count: int, action: Callable[[], object], seconds: float = 1.0) -> float:
    """How many of `count` things a second an action does that does so many at a time."""
    rounds, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        action()
        rounds += 1
    return rounds * count / (time.perf_counter() - begun)


# --- the machine alone


def measure_machine() -> dict[str, Any]:
    fifty, hundred = compile_definition(json.dumps(passes(50))), compile_definition(json.dumps(loop(100)))
    execution, bodies = run_pure(hundred)
    records = journal.decode_records(bodies, {})

    def fold() -> None:
        folded = Execution()
        for record in journal.decode_records(bodies, {}):
            apply(folded, record)

    return {
        "decide_and_encode_50_pass_transitions_per_s": per_second(50, lambda: run_pure(fifty)),
        "decide_and_encode_choice_loop_transitions_per_s": per_second(203, lambda: run_pure(hundred)),
        "fold_records_per_s": per_second(len(records), fold),
        "raw_in_process_call_per_s": per_second(1000, lambda: [request for _ in range(1000)]),
        "events_of_choice_loop": execution.event_id,
    }


def measure_length() -> dict[str, Any]:
    """The journal's cost per transition must not grow with the length of the execution."""
    found = {}
    for events in (100, 1_000, 10_000, 100_000):
        program = compile_definition(json.dumps(loop(events // 4)))
        begun = time.perf_counter()
        execution, bodies = run_pure(program)
        seconds = time.perf_counter() - begun
        transitions = execution.event_id // 2
        found[str(events)] = {
            "events": execution.event_id,
            "us_per_transition": seconds / transitions * 1e6,
            "journal_bytes_per_transition": sum(map(len, bodies)) / transitions,
            "steps": len(bodies),
        }
    return found


# --- the engine on SQLite


class NoTasks:
    """For machines without tasks."""

    async def run(self, execution: str, command: StartTask) -> Stimulus | None:
        raise NotImplementedError

    def drop(self, execution: str, key: str) -> None:
        raise NotImplementedError

    def child_ended(self, row: ExecutionRow, input: str, output: str | None, parent_task: str) -> Stimulus:
        raise NotImplementedError


async def engine_rate(folder: Path, program: Program, clients: int, total: int) -> float:
    """Executions a second, each durable at its end, by so many callers at once."""
    store = await open_store(f"sqlite:{folder / uuid.uuid4().hex}.sqlite")

    async def programs(revision: str) -> Program:
        return program

    engine = Engine(store, programs, NoTasks())
    await engine.start()
    numbers = iter(range(total))

    async def client() -> None:
        for number in numbers:
            started = request(str(number))
            await engine.start_execution(started)
            await engine.closed(started.execution)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - begun
    await engine.close()
    await store.close()
    return total / seconds


def raw_sqlite(folder: Path, bodies: list[bytes], batch: int, seconds: float = 1.0) -> float:
    """Commits of the same bytes by nothing but SQLite, WAL and synchronous=FULL: executions a second."""
    path = folder / f"{uuid.uuid4().hex}.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE step (id INTEGER PRIMARY KEY, body BLOB)")

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        for body in bodies:
            connection.executemany("INSERT INTO step (body) VALUES (?)", [(body,)] * batch)
        connection.execute("COMMIT")

    try:
        return per_second(batch, commit, seconds)
    finally:
        connection.close()


async def measure_engine(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, definition, transitions in (("50_pass", passes(50), 50), ("choice_loop", loop(100), 203)):
        program = compile_definition(json.dumps(definition))
        _, bodies = run_pure(program)
        for clients in CLIENTS:
            executions = await engine_rate(folder, program, clients, 40 * clients if clients < 64 else 1500)
            raw = raw_sqlite(folder, bodies, clients)
            found[f"{name}_{clients}_clients"] = {
                "transitions_per_s": executions * transitions,
                "executions_per_s": executions,
                "raw_sqlite_executions_per_s": raw,
                "share_of_raw": executions / raw,
            }
    return found


# --- over HTTP, with a server of its own


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, int]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "stepwell", "serve", "--port", "0", "--store", f"sqlite:{folder / 'http.sqlite'}"],
        stdout=subprocess.PIPE, cwd=folder, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = next(word for line in process.stdout for word in line.split() if word.startswith("http://127.0.0.1:"))
        yield "127.0.0.1", int(url.rstrip("/.,").rpartition(":")[2])
    finally:
        process.terminate()
        process.wait()


async def create_machine(connection: Connection, name: str, definition: dict[str, Any]) -> str:
    reply = await connection.call("CreateStateMachine", name=name, definition=json.dumps(definition), roleArn=ROLE)
    return str(reply["stateMachineArn"])


def zipped(source: str) -> bytes:
    data = BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("handler.py", source)
    return data.getvalue()


def create_function(host: str, port: int, name: str) -> Any:
    import botocore.session

    client = botocore.session.get_session().create_client(
        "lambda", region_name="us-east-1", endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="123456789012", aws_secret_access_key="perf",
    )  # fmt: skip
    source = "def handler(event, context):\n    return event\n"
    client.create_function(
        FunctionName=name, Runtime="python3.11", Handler="handler.handler", Role=ROLE, Code={"ZipFile": zipped(source)}
    )
    return client


async def measure_http(host: str, port: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    create_function(host, port, "echo")
    async with Connection(host, port) as connection:
        machines = {
            "one_pass": await create_machine(connection, "one-pass", passes(1)),
            "50_pass": await create_machine(connection, "fifty-pass", passes(50)),
            "choice_loop": await create_machine(connection, "choice-loop", loop(100)),
            "one_lambda": await create_machine(connection, "one-lambda", one_lambda("echo")),
        }
    for clients in CLIENTS:
        empty = await rate(host, port, clients, 3000, lambda c, n: c.send(c.get("/_stepwell/health")))
        found[f"raw_empty_reply_{clients}_clients_per_s"] = empty
        for name, transitions in (("one_pass", 1), ("50_pass", 50), ("choice_loop", 203)):
            total = {1: 150, 16: 1500, 64: 2000}[clients]
            executions = await rate(host, port, clients, total, _start(machines[name]))
            found[f"{name}_{clients}_clients"] = {
                "executions_per_s": executions,
                "transitions_per_s": executions * transitions,
                "share_of_empty_reply": executions / empty,
            }
        executions = await rate(host, port, clients, {1: 100, 16: 600, 64: 1000}[clients], _run(machines["one_lambda"]))
        found[f"one_lambda_{clients}_clients"] = {"executions_per_s": executions}
    return found


def _start(machine: str) -> Callable[[Connection, int], Any]:
    """Start an execution that needs nothing from outside: it has ended, durably, when the reply comes."""
    return lambda connection, number: connection.send(
        connection.request("StartExecution", stateMachineArn=machine, input='{"order": 17}')
    )


def _run(machine: str) -> Callable[[Connection, int], Any]:
    """Start an execution and ask until it has ended."""

    async def one(connection: Connection, number: int) -> None:
        started = await connection.call("StartExecution", stateMachineArn=machine, input='{"order": 17}')
        while True:
            execution = await connection.call("DescribeExecution", executionArn=started["executionArn"])
            if execution["status"] != "RUNNING":
                assert execution["status"] == "SUCCEEDED", execution
                return
            await asyncio.sleep(0.002)

    return one


# --- functions


def in_process_calls() -> None:
    """What a trivial handler would cost as a plain call: its event decoded, its result encoded."""
    for _ in range(1000):
        json.dumps(json.loads("{}"))


def _seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


async def measure_functions(folder: Path) -> dict[str, Any]:
    """Cold start and warm invoke of a trivial handler, beside an interpreter that only starts, and a plain call."""
    service = FunctionService(folder / "functions", MemoryStore())
    await service.start()
    code = {"ZipFile": zipped("def handler(event, context):\n    return event\n")}
    cold = []
    for number in range(5):
        name = f"cold{number}"
        made = {"FunctionName": name, "Runtime": "python3.11", "Handler": "handler.handler", "Role": ROLE, "Code": code}
        await service.create(made)
        begun = time.perf_counter()
        await service.invoke(name, b"{}", request_id=str(uuid.uuid4()))
        cold.append(time.perf_counter() - begun)
    warm = []
    for _ in range(1000):
        begun = time.perf_counter()
        await service.invoke("cold0", b"{}", request_id=str(uuid.uuid4()))
        warm.append(time.perf_counter() - begun)
    await service.close()
    bare = [_seconds(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True)) for _ in range(5)]
    return {
        "cold_start_ms": {"min": min(cold) * 1e3, "median": sorted(cold)[2] * 1e3},
        "raw_interpreter_start_ms": {"min": min(bare) * 1e3, "median": sorted(bare)[2] * 1e3},
        "warm_invoke_us": {"min": min(warm) * 1e6, "median": sorted(warm)[500] * 1e6},
        "raw_in_process_call_us": 1e6
        / per_second(1000, lambda: [json.loads(json.dumps({})) for _ in range(1000)], 0.3),
    }


def rounded(value: Any) -> Any:
    """Three significant digits: more would claim more than was measured."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return float(f"{value:.3g}") if isinstance(value, float) else value


async def measure() -> dict[str, Any]:
    found: dict[str, Any] = {"machine": platform.machine(), "python": platform.python_version()}
    with tempfile.TemporaryDirectory(prefix="stepwell-perf-") as name:
        folder = Path(name)
        print("measuring the machine alone ...", file=sys.stderr)
        found["pure"] = measure_machine()
        found["length"] = measure_length()
        print("measuring the engine on SQLite ...", file=sys.stderr)
        found["engine"] = await measure_engine(folder)
        print("measuring functions ...", file=sys.stderr)
        found["functions"] = await measure_functions(folder)
        print("measuring over HTTP ...", file=sys.stderr)
        with server(folder) as (host, port):
            found["http"] = await measure_http(host, port)
    return found


if __name__ == "__main__":
    # As the server does; see its command.
    sys.setswitchinterval(0.0005)
    print(json.dumps(rounded(uvloop.run(measure())), indent=1))
