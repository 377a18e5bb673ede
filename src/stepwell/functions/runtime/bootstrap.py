"""The first code of a worker process: tie its life to the server's, give up privileges, run AWS's runtime client.

A stand-alone script: it must not import Stepwell, whose start-up every cold start would pay for. Its one argument is a
JSON object: `channel` and `control` (inherited descriptors), `user` ([uid, gid] or null), `runtime_path` (where
awslambdaric is installed), `task_root` and `handler`.
"""

import fcntl
import importlib
import json
import os
import resource
import select
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38  # linux/prctl.h
_LINUX = sys.platform == "linux"


def main(settings: dict[str, Any]) -> None:
    os.set_inheritable(settings["control"], False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if settings["user"] is not None:
        become(*settings["user"])
    die_with_server(settings["control"])
    runtime_client = load_runtime_client()
    runtime_client.attach(settings["channel"])
    arrange_path(settings["task_root"], settings["runtime_path"])
    # Records of the runtime share the pipe of stdout, framed: their order among the lines that are printed is kept.
    os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(os.dup(1))
    sys.argv = [str(Path(__file__)), settings["handler"]]
    run(settings["handler"], runtime_client)


def become(uid: int, gid: int) -> None:
    """Drop every privilege for good; what runs from here on cannot gain any by a set-uid program."""
    import ctypes  # Here, because it takes milliseconds that other cold starts need not pay.

    libc = ctypes.CDLL(None, use_errno=True)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    # A change of user makes /proc/self belong to root; without the second a handler could not open /dev/stdout.
    for option in (_PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE) if _LINUX else ():
        if libc.prctl(option, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option})")


def die_with_server(control: int) -> None:
    """Kill this whole process group when the server goes, however it goes and whatever the handler does.

    The server holds the other end of the pipe `control` and never writes to it. On Linux the kernel itself sends
    SIGKILL to the group when that end closes, so a handler in a C loop, a frozen one and its children die as well.
    (PR_SET_PDEATHSIG reaches only the worker, and by killing it first would take this away from its children.)
    Elsewhere a thread waits for the end of the pipe.
    """
    if not _LINUX:
        import threading

        threading.Thread(target=watch, args=(control,), daemon=True).start()
        return
    fcntl.fcntl(control, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(control, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(control, fcntl.F_SETFL, fcntl.fcntl(control, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([control], [], [], 0)[0]:  # It closed before the lines above took hold.
        os.killpg(0, signal.SIGKILL)


def watch(control: int) -> None:
    os.read(control, 1)
    os.killpg(0, signal.SIGKILL)


def load_runtime_client() -> ModuleType:
    """Our module under the name that awslambdaric imports, ahead of the native one that may be installed."""
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("runtime_client")
    finally:
        sys.path.remove(folder)


def arrange_path(task_root: str, runtime_path: str) -> None:
    sys.path.insert(0, task_root)
    if runtime_path not in sys.path:
        sys.path.append(runtime_path)


def run(handler: str, channel: ModuleType) -> None:
    from awslambdaric import bootstrap
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient
    from awslambdaric.lambda_runtime_marshaller import to_json

    client = LambdaRuntimeClient("sandbox")
    # The one report that AWS's client makes by HTTP, of a failed initialization, goes over the channel like the rest.
    client.post_init_error = lambda error, *_: channel.post_init_error(to_json(error))
    bootstrap.run(handler, client)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
