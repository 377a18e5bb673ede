"""Machines on two switches, as network namespaces of this one, and the cable between the switches.

A namespace lives as long as a process in it, and none has a name: with the processes that were started here, however
that comes, all interfaces go too. The host's own network is not touched.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stepwell.processes.children import BackEndFailed, Child, program

_PREFIX = "10.77.0"
_CABLE = "cable"
_TOOLS = {"ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux"}


def unavailable() -> str | None:
    """Why there can be no such network here; None when there can."""
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    for tool, package in _TOOLS.items():
        if shutil.which(tool) is None:
            return f"needs the command {tool} (Debian: apt-get install {package})"
    tried = subprocess.run(
        ("unshare", "--net", "ip", "link", "add", "type", "bridge"), capture_output=True, text=True, check=False
    )
    return f"may not make a network namespace: {tried.stderr.strip()}" if tried.returncode else None


class Network:
    """`machines` are their names on each of the two switches."""

    def __init__(self, machines: Sequence[Sequence[str]], folder: Path, stack: ExitStack) -> None:
        self._names = [name for side in machines for name in side]
        self._processes = {name: _namespace(name, folder, stack) for name in (_CABLE, *self._names)}
        self._ip(_CABLE, f"link add name {_CABLE}0 up type veth peer name {_CABLE}1")
        for number, side in enumerate(machines):
            switch = f"switch{number}"
            self._ip(_CABLE, f"link add name {switch} up type bridge")
            self._ip(_CABLE, f"link set dev {_CABLE}{number} up master {switch}")
            for name in side:
                self._plug(name, switch)

    def address(self, name: str) -> str:
        return f"{_PREFIX}.{self._names.index(name) + 1}"

    def enter(self, name: str) -> tuple[str, ...]:
        """What to put before a command for it to run on this machine."""
        return ("nsenter", f"--net=/proc/{self._processes[name]}/ns/net", "--")

    def cut(self) -> None:
        """What is on different switches does not hear of each other: packets are lost, and nobody is told."""
        self._ip(_CABLE, f"link set dev {_CABLE}0 down")

    def heal(self) -> None:
        self._ip(_CABLE, f"link set dev {_CABLE}0 up")

    def _plug(self, name: str, switch: str) -> None:
        self._ip(
            _CABLE, f"link add name {name} up master {switch} type veth peer name eth0 netns {self._processes[name]}"
        )
        self._ip(name, f"addr add {self.address(name)}/24 dev eth0")
        self._ip(name, "link set dev eth0 up")
        self._ip(name, "link set dev lo up")

    def _ip(self, name: str, command: str) -> None:
        told = (*self.enter(name), "ip", *command.split())
        tried = subprocess.run(told, capture_output=True, text=True, check=False)
        if tried.returncode:
            raise BackEndFailed(f"ip {command}: {tried.stderr.strip()}")


@contextmanager
def network(machines: Sequence[Sequence[str]], work: Path) -> Iterator[Network]:
    """Connected, until the end of the context; ask `unavailable` before. Names are at most 15 letters and digits.

    Raises `BackEndFailed`.
    """
    with ExitStack() as stack:
        yield Network(machines, work, stack)


def _namespace(name: str, folder: Path, stack: ExitStack) -> int:
    """A process that does nothing in a namespace of its own; its id."""
    note = folder / f"{name}.pid"
    # The shell writes its id down and becomes the process that sleeps.
    sleeper = program(
        "unshare", "--net", "sh", "-c", 'echo $$ > "$0.new" && mv "$0.new" "$0" && exec sleep infinity', str(note)
    )
    child = Child(f"{name}-network", folder, sleeper, note.exists)
    stack.callback(child.stop)
    child.restart()
    return int(note.read_text())
