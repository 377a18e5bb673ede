"""What the demo and the crash test share: a server to kill, clients that outlive it, and an audit of the ledger."""

import fcntl
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.client import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "layers/ledger/python"))
sys.path.insert(0, str(HERE))
import approve  # noqa: E402
from ledger import CALLS, EFFECTS, REFUSED, read_effects, read_lines  # noqa: E402

ACCOUNT, REGION = "123456789012", "us-east-1"
MACHINE_ARN = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:Orders"
APPROVAL_ABOVE = 500
DATABASE = "stepwell.sqlite"
START_SECONDS = 60
ORPHAN_GRACE_SECONDS = 5


class Failure(Exception):
    """The run failed; the text says what was seen."""


# --- orders ------------------------------------------------------------------------------------------------------


def make_orders(prefix: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Orders of all kinds: one in ten declined, one in ten with a lost answer, one in eight for a person to approve."""
    dice = random.Random(seed)
    orders = []
    for number in range(count):
        card = {0: "declined", 1: "lost-answer"}.get(dice.randrange(10), "visa")
        large = dice.randrange(8) == 0
        amount = dice.choice([900, 1800, 7000]) if large else dice.randint(5, APPROVAL_ABOVE)
        quantity = dice.randint(1, 5)
        orders.append({"order": f"{prefix}-{number:04}", "quantity": quantity, "amount": amount, "card": card})
    return orders


def expected_status(order: dict[str, Any]) -> str:
    is_paid = order["card"] != "declined" and order["amount"] <= approve.REJECT_ABOVE
    return "shipped" if is_paid else "cancelled"


# --- processes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Process:
    parent: int
    started: str
    command: str


def _processes() -> dict[int, Process]:
    """All processes but zombies, by process id."""
    if Path("/proc/self/stat").exists():
        found = ((int(entry.name), _process(entry)) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
        return {pid: process for pid, process in found if process}
    listing = subprocess.run(["ps", "-axo", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 3) for line in listing.stdout.splitlines()]
    return {int(row[0]): Process(int(row[1]), "", row[3]) for row in rows if len(row) == 4 and row[2][0] != "Z"}


def _process(entry: Path) -> Process | None:
    try:
        # Only what follows the last parenthesis is safe to split: the name before it may hold anything. See proc(5).
        fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else Process(int(fields[1]), fields[19], command)


def _descendants(root: int) -> dict[int, Process]:
    processes = _processes()
    found = {root}
    while more := {pid for pid, process in processes.items() if process.parent in found} - found:
        found |= more
    return {pid: processes[pid] for pid in found - {root}}


def _same(process: Process, other: Process) -> bool:
    return (process.started, process.command) == (other.started, other.command)


def _cwd(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return ""


# --- the server --------------------------------------------------------------------------------------------------


def stepwell_command() -> list[str]:
    installed = Path(sys.executable).with_name("stepwell")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "stepwell"]


@contextmanager
def work_folder(name: str) -> Iterator[Path]:
    """A temporary folder, kept when the run fails."""
    folder = Path(tempfile.mkdtemp(prefix=f"stepwell-{name}-"))
    _open_to_functions(folder)
    try:
        yield folder
    except BaseException:
        print(f"kept for a look: {folder}", file=sys.stderr)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def make_anew(folder: Path) -> Path:
    """A folder that stays until the next run. Raises `Failure` when what an earlier run left there cannot go."""
    try:
        if folder.exists():
            _refuse_if_served(folder)
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise Failure(f"{folder} cannot be made anew: {error}") from error
    _open_to_functions(folder)
    return folder


def _refuse_if_served(folder: Path) -> None:
    """A server holds the lock beside its database for as long as it runs."""
    lock = folder / f"{DATABASE}.lock"
    if lock.exists():
        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Failure(f"a server still runs on {folder / DATABASE}: stop it, then try again") from None


def _open_to_functions(folder: Path) -> None:
    """Functions may run as a user without rights: the folder must be open to it, and the ledger writable."""
    folder.chmod(0o755)
    (folder / "ledger").mkdir()
    (folder / "ledger").chmod(0o777)


class Server:
    """`stepwell serve` on a SQLite file, in a process group of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kills = 0
        self.orphans: list[str] = []
        self._others = _processes()
        """What ran before, such as an editor on a file of the folder."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the server and returns when it answers."""
        command = [*stepwell_command(), "serve", "--port", str(self.port), "--limits", "aws"]
        command += ["--store", f"sqlite:///{self.folder / DATABASE}"]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = (self.folder / "server.log").read_text(errors="replace")[-2000:]
                raise Failure(f"the server did not start:\n{tail}")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL, and a look at what it leaves behind: nothing may still run."""
        assert self._process
        children = _descendants(self._process.pid)
        self._process.kill()
        self._process.wait()
        self.kills += 1
        self.orphans += self._left(children)

    def stop(self) -> None:
        """Ends the server in good order."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def orphans_now(self) -> list[str]:
        """Processes that have to do with this run's folder although no server runs."""
        return [process.command for pid, process in _processes().items() if self._is_ours(pid, process)]

    def _left(self, children: dict[int, Process]) -> list[str]:
        deadline = time.monotonic() + ORPHAN_GRACE_SECONDS
        while True:
            running = _processes()
            # A dead server's children have another parent, but keep their process id and start time.
            left = [
                running[pid].command for pid, child in children.items() if pid in running and _same(running[pid], child)
            ]
            left = left or self.orphans_now()
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.02)

    def _is_ours(self, pid: int, process: Process) -> bool:
        if pid in self._others and _same(process, self._others[pid]):
            return False
        folder = str(self.folder)
        return folder in process.command or _cwd(pid).startswith(folder)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False


def deploy(server: Server) -> None:
    """Deploys this folder's SAM template with the installed command."""
    command = [*stepwell_command(), "deploy", str(HERE), "--endpoint-url", server.url]
    parameters = {"LedgerDir": server.folder / "ledger", "ApprovalAbove": APPROVAL_ABOVE}
    for name, value in parameters.items():
        command += ["--parameter", f"{name}={value}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if result.returncode:
        raise Failure(f"stepwell deploy failed:\n{result.stdout}{result.stderr}")


def _free_port() -> int:
    # Below the range from which the system takes ports for clients: otherwise one of them could get the server's port
    # while it is dead.
    for port in random.SystemRandom().sample(range(20_000, 30_000), 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Failure("no free port between 20,000 and 30,000")


# --- clients -----------------------------------------------------------------------------------------------------


def client(url: str) -> Any:
    """An unmodified boto3 client; what it does about a dead server is left to `insist`."""
    return boto3.client(
        "stepfunctions",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="stepwell",
        aws_secret_access_key="stepwell",
        config=Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=20, max_pool_connections=64),
    )


def insist(call: Callable[[], Any], member: str | None = None, seconds: float = 120) -> Any:
    """Repeats a call that is safe to repeat until the server answers it, with `member` in the reply if one is named.

    botocore does not hold a body against its Content-Length: a reply that the kill has cut short arrives as a success
    without members.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            reply = call()
            if member is None or member in reply:
                return reply
        except (ConnectionError, HTTPClientError, ClientError) as error:
            if time.monotonic() > deadline or not _is_passing(error):
                raise
        if time.monotonic() > deadline:
            raise Failure(f"the server's replies have no {member}")
        time.sleep(0.1)


def _is_passing(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return True
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or error.response["Error"]["Code"] == "ThrottlingException"


@dataclass
class Progress:
    """What the clients have seen end, by order: DescribeExecution's reply."""

    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)


def run_order(sfn: Any, order: dict[str, Any], progress: Progress, patience_seconds: float) -> None:
    """Starts one order and waits until it has ended. The fixed name makes the start safe to repeat."""
    arn = execution_arn(order)
    insist(lambda: start(sfn, order), "executionArn")
    deadline = time.monotonic() + patience_seconds
    while not progress.stopped.is_set():
        described = insist(lambda: sfn.describe_execution(executionArn=arn), "status")
        if described["status"] != "RUNNING":
            progress.done[order["order"]] = described
            return
        if time.monotonic() > deadline:
            raise Failure(f"order {order['order']} has not ended after {patience_seconds:.0f} s")
        time.sleep(0.15)


def start(sfn: Any, order: dict[str, Any]) -> dict[str, Any]:
    """Starts an order, or finds it started."""
    try:
        return sfn.start_execution(stateMachineArn=MACHINE_ARN, name=order["order"], input=json.dumps(order))
    except sfn.exceptions.ExecutionAlreadyExists:
        # The reply to an earlier attempt was lost, and the order has ended since.
        return {"executionArn": execution_arn(order)}


def execution_arn(order: dict[str, Any]) -> str:
    return f"{MACHINE_ARN.replace(':stateMachine:', ':execution:')}:{order['order']}"


def answer_approvals(sfn: Any, ledger: Path, progress: Progress) -> None:
    """Plays the person who approves, until the run is over."""
    answered: set[str] = set()
    while not progress.stopped.wait(0.2):
        for request in approve.waiting(ledger).values():
            if request["token"] not in answered:
                approved = request["amount"] <= approve.REJECT_ABOVE
                insist(lambda request=request, approved=approved: approve.answer(sfn, request, approved))
                answered.add(request["token"])


@contextmanager
def clients(
    server: Server, orders: list[dict[str, Any]], concurrency: int, patience_seconds: float
) -> Iterator[tuple[Progress, Callable[[], None]]]:
    """Runs the orders in the background, `concurrency` at a time; yields their progress and what waits for them."""
    progress = Progress()
    sfn = client(server.url)
    approver = threading.Thread(target=answer_approvals, args=(sfn, server.folder / "ledger", progress))
    approver.start()
    pool = ThreadPoolExecutor(concurrency)
    futures = [pool.submit(run_order, sfn, order, progress, patience_seconds) for order in orders]

    def join() -> None:
        for future in futures:
            future.result()

    try:
        yield progress, join
    finally:
        progress.stopped.set()
        pool.shutdown(cancel_futures=True)
        approver.join()


# --- the audit ---------------------------------------------------------------------------------------------------


@dataclass
class Audit:
    """What the ledger says about some orders."""

    problems: list[str]
    calls: Counter[tuple[str, str]]
    effects: Counter[tuple[str, str]]
    delivered_again: int
    refused_again: int
    redelivered_orders: list[str]


def audit(ledger: Path, orders: Iterable[dict[str, Any]], done: dict[str, dict[str, Any]]) -> Audit:
    """Reads the ledger and holds it against what each order must have had: nothing lost, nothing twice.

    An attempt that was delivered again shows as two calls with one request id; a retry has a new one.
    """
    wanted = {order["order"]: order for order in orders}
    calls = [call for call in read_lines(ledger / CALLS) if call["order"] in wanted]
    refused = Counter((call["key"], call["request_id"]) for call in read_lines(ledger / REFUSED))
    effects = [effect for effect in read_effects(ledger) if effect["order"] in wanted]
    deliveries = Counter((call["key"], call["request_id"]) for call in calls)
    again = {attempt for attempt, count in deliveries.items() if count > 1}
    made = Counter((effect["order"], effect["call"]) for effect in effects)
    charged = {effect["order"]: effect["result"]["amount"] for effect in effects if effect["call"] == "charge"}
    problems = [problem for order in wanted.values() for problem in _problems(order, done, made, charged)]
    return Audit(
        problems=problems,
        calls=Counter((call["order"], call["call"]) for call in calls),
        effects=made,
        delivered_again=sum(count - 1 for count in deliveries.values()),
        # Of a retry that was delivered twice, the first delivery may be refused too.
        refused_again=sum(min(refused[attempt], deliveries[attempt] - 1) for attempt in again),
        redelivered_orders=sorted({call["order"] for call in calls if (call["key"], call["request_id"]) in again}),
    )


def _problems(
    order: dict[str, Any],
    done: dict[str, dict[str, Any]],
    made: Counter[tuple[str, str]],
    charged: dict[str, float],
) -> Iterator[str]:
    name, expected = order["order"], expected_status(order)
    described = done.get(name)
    if described is None:
        yield f"{name}: has not ended"
        return
    status = json.loads(described.get("output", "{}")).get("status")
    if described["status"] != "SUCCEEDED" or status != expected:
        yield f"{name}: is {described['status']} with {status}, expected {expected}: {described.get('cause', '')[:200]}"
    paid = expected == "shipped"
    wanted = {"reserve": 1, "charge": paid, "ship": paid, "mail": paid, "release": not paid}
    for call, count in wanted.items():
        if made[name, call] != count:
            yield f"{name}: {made[name, call]} times {call}, expected {int(count)}"
    if charged.get(name, order["amount"]) != order["amount"]:
        yield f"{name}: charged {charged[name]}, expected {order['amount']}"


def new_charges(ledger: Path, seen: set[str]) -> list[str]:
    """Orders whose charge has appeared since the last look; `seen` holds the names of the files looked at."""
    names = {path.name for path in (ledger / EFFECTS).glob("*.json")} - seen
    seen |= names
    fresh = [json.loads((ledger / EFFECTS / name).read_bytes()) for name in names]
    return [effect["order"] for effect in fresh if effect["call"] == "charge"]
