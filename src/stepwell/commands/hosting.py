"""An endpoint in this process: it serves on the main thread while a command's work goes on beside it."""

import asyncio
import errno
import gc
import ipaddress
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click
import uvloop

from stepwell.api.credentials import Keyring, is_private, read_credentials
from stepwell.api.server import Server, serve
from stepwell.commands.client import answers
from stepwell.commands.output import say
from stepwell.engine.retention import RETAINED_DAYS_AWS
from stepwell.tasks.connections import load_connections
from stepwell.tasks.custom import load_resources

T = TypeVar("T")

SWITCH_SECONDS = 0.0005
GRACE_SECONDS = 3.0
FOREVER = "forever"
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """What an endpoint is opened with. `limits` is `aws` or `extended`; port 0 is any free one.

    `data_dir` is where functions are unpacked and log. None puts it beside a SQLite file and names it after that, so
    that two stores never share one by accident; what a store in memory needs goes with it. With a `keyring` every
    request must be signed; a `host` that others can reach needs one. Closed executions are kept for `retain_seconds`,
    None for ever. `aws_endpoints` is as `parse_endpoints` gives it, `connections` and `resources` are files.
    Distributed Maps read and write in `items_folders`. The console shows the bench runs in the folders `reports`.
    """

    store_url: str
    data_dir: Path | None = None
    limits: str
    host: str = "127.0.0.1"
    port: int = 0
    aws_endpoints: Mapping[str, str] = field(default_factory=dict)
    connections: Path | None = None
    resources: tuple[Path, ...] = ()
    items_folders: tuple[Path, ...] = ()
    reports: tuple[Path, ...] = ()
    keyring: Keyring | None = None
    retain_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.keyring is None and not is_loopback(self.host):
            raise click.UsageError(
                f"{self.host} is reachable from other machines, and whoever reaches Stepwell can run code here. "
                "Name the keys that may call it with --credentials FILE (docs/security.md shows one), "
                "or use --host 127.0.0.1."
            )


def keyring(path: Path | None) -> Keyring | None:
    """The keys of a file, None without one. Raises `CredentialsError`."""
    if path is None:
        return None
    keys = read_credentials(path)
    if not is_private(path):
        say(f"Warning: other users can read the secrets in {path}: chmod 600 it.", "yellow")
    return keys


def retain_seconds(text: str | None, limits: str) -> float | None:
    """Seconds of a duration such as `90d`; None for `forever`, the default but for AWS's limits."""
    if text is None:
        text = f"{RETAINED_DAYS_AWS}d" if limits == "aws" else FOREVER
    if text == FOREVER:
        return None
    match = re.fullmatch(r"(\d{1,6})([smhd])", text, re.ASCII)
    if match is None or not int(match[1]):
        raise click.UsageError(f"--retain {text!r} is no duration: write 90d, 12h, 30m, 60s or {FOREVER}")
    return float(int(match[1]) * _UNIT_SECONDS[match[2]])


class Interrupted(Exception):
    """The endpoint was told to stop before the work was done."""


def host(hosting: Hosting, work: Callable[[Server], T], *, stay: bool) -> T:
    """Serves, does `work` in another thread, and then stops; with `stay`, only at SIGINT or SIGTERM.

    Raises what `work` raises, `Interrupted`, `click.ClickException` for a port that is taken, and StoreError.
    """
    # The store writes in a thread of its own. With Python's default of 5 ms a busy event loop makes it wait for the
    # interpreter lock at each turn; half a millisecond gave four to seven times as many commits under load.
    sys.setswitchinterval(SWITCH_SECONDS)
    # Modules and AWS's models stay as long as the process. To look through them took each full collection 45 ms, in
    # which everybody waits.
    gc.freeze()
    with _data_dir(hosting) as data_dir, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_host(hosting, data_dir, work, stay))


@contextmanager
def _data_dir(hosting: Hosting) -> Iterator[Path]:
    scheme, _, rest = hosting.store_url.partition(":")
    if hosting.data_dir or scheme == "sqlite":
        yield hosting.data_dir or Path(rest.removeprefix("///").removesuffix(".sqlite") + ".data")
        return
    with tempfile.TemporaryDirectory(prefix="stepwell-", ignore_cleanup_errors=True) as folder:
        # Functions may run as a user without rights, who has to reach their code below this folder.
        Path(folder).chmod(0o711)
        yield Path(folder, "data")


async def _host(hosting: Hosting, data_dir: Path, work: Callable[[Server], T], stay: bool) -> T:
    server = await Server.open(
        store_url=hosting.store_url, data_dir=data_dir, limits=hosting.limits, keyring=hosting.keyring,
        retain_seconds=hosting.retain_seconds, aws_endpoints=hosting.aws_endpoints,
        connections=load_connections(hosting.connections) if hosting.connections else None,
        custom=load_resources(hosting.resources), items_folders=hosting.items_folders, reports=hosting.reports,
    )  # fmt: skip
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(server, hosting.host, hosting.port, ready=listening.set_result))
    try:
        if not await _done(listening, serving):
            raise _explained(serving.exception(), hosting)
        working = _in_thread(work, server)
        if not await _done(working, serving):
            # The endpoint is gone, so the work fails soon; it gets the time to leave the terminal in order.
            await asyncio.wait([working], timeout=GRACE_SECONDS)
        if await _interrupted(working, listening.result()):
            raise Interrupted
        result = working.result()
        if stay:
            await asyncio.wait([serving])
    finally:
        serving.cancel()
        await asyncio.wait([serving])
    if not serving.cancelled():
        serving.result()
    return result


async def _done(wanted: "asyncio.Future[Any]", serving: "asyncio.Task[None]") -> bool:
    """Waits for what is wanted or for the end of serving, and tells whether it was the former."""
    await asyncio.wait([wanted, serving], return_when=asyncio.FIRST_COMPLETED)
    return wanted.done()


async def _interrupted(working: "asyncio.Future[Any]", url: str) -> bool:
    """Whether the work was cut short: it is not done, or it failed because a signal had ended the endpoint."""
    if not working.done():
        return True
    return working.exception() is not None and not await asyncio.to_thread(answers, url)


def _in_thread(work: Callable[[Server], T], server: Server) -> "asyncio.Future[T]":
    """Does the work in a daemon thread: asyncio's own threads would hold up the exit until a build has ended."""
    done: Future[T] = Future()

    def run() -> None:
        done.set_running_or_notify_cancel()
        try:
            done.set_result(work(server))
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name="stepwell-work", daemon=True).start()
    return asyncio.wrap_future(done)


def _explained(error: BaseException | None, hosting: Hosting) -> BaseException:
    """What to raise for an endpoint that ended before it listened; None means that a signal ended it."""
    if not isinstance(error, OSError):
        return error or Interrupted()
    where = f"{hosting.host}:{hosting.port}"
    if error.errno == errno.EADDRINUSE:
        text = f"port {hosting.port} is taken, perhaps by another Stepwell. Stop that one, or choose another port"
        return click.ClickException(f"{text} with --port (0 takes any free one).")
    if error.errno in (errno.EACCES, errno.EPERM):
        return click.ClickException(f"{where} needs rights that you do not have: choose a --port from 1024 on.")
    return click.ClickException(f"cannot serve at {where}: {error.strerror or error}")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
