"""What a Valkey has left of the writes that it acknowledged: by how it persists, and how it ended.

Writers add members as fast as they are answered until the server ends under them. It starts again on its files, and
what it then has is compared with what it had acknowledged.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from stepwell.bench.durability import power
from stepwell.bench.durability.adds import Adder, Survival, lost_adds
from stepwell.bench.durability.valkey import MODES, Valkey
from stepwell.bench.history import Op
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.processes.children import free_ports

PROCESS_KILL, POWER_LOSS = "process-kill", "power-loss"
FAILURES = (PROCESS_KILL, POWER_LOSS)

_WRITERS = 4


def survival(mode: str, failure: str, seconds: float) -> Survival:
    """What is left under this mode of persistence when the server fails after `seconds` of writing.

    Invalid, with the reason, where a loss of power cannot be made. Raises `BackEndFailed`.
    """
    if mode not in MODES or failure not in FAILURES:
        raise ValueError(f"{mode}, {failure}: want one of {', '.join(MODES)}, and one of {', '.join(FAILURES)}")
    without_power = failure == POWER_LOSS
    if without_power and (reason := power.unavailable()):
        return Survival(Verdict(0, 0, invalid=reason))
    [port] = free_ports(1)
    arguments = ("--port", str(port), "--bind", "127.0.0.1", *MODES[mode])
    with TemporaryDirectory(prefix="survival-") as name:
        folder, log = Path(name, "valkey"), Path(name, "trace.log")
        with Valkey(folder, arguments, power.traced(log) if without_power else ()).running() as server:
            history = _write_until_killed(server, f"127.0.0.1:{port}", seconds)
        if without_power:
            power.cut(folder.rglob("*.incr.aof"), log)
        with Valkey(folder, arguments).running() as server:
            return lost_adds(history, server.members())


def _write_until_killed(server: Valkey, address: str, seconds: float) -> list[Op]:
    with ThreadPoolExecutor(_WRITERS) as pool:
        writers = [pool.submit(_adds, f"w{number}", address) for number in range(_WRITERS)]
        try:
            time.sleep(seconds)
        finally:
            server.child.kill()
        return [op for writer in writers for op in writer.result()]


def _adds(name: str, address: str) -> list[Op]:
    """Until one is not acknowledged."""
    adder = Adder(name, lambda: address)
    ops = [adder.add()]
    while ops[-1].status == "ok":
        ops.append(adder.add())
    adder.close()
    return ops
