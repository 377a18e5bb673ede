"""`python -m stepwell.bench.child MODULE ARGUMENTS`: runs a module that does not outlive the benchmark.

Its standard input is a pipe whose other end the benchmark holds. When that closes, however the benchmark ended, the
process gets SIGTERM.
"""

import os
import runpy
import signal
import sys
import threading


def _end_with_parent() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if seconds := os.environ.get("BENCH_SWITCH_SECONDS"):
        sys.setswitchinterval(float(seconds))
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
