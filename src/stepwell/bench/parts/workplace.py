"""Where a measurement keeps its files, and what it ran on."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OPS = "ops"
"""The folder of a workplace that workers write their histories to."""


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder that anyone may pass through, because workers may be another user, with one they may write to.

    It is gone afterwards.
    """
    folder = Path(tempfile.mkdtemp(prefix="stepwell-bench-"))
    folder.chmod(0o755)
    ops = folder / OPS
    ops.mkdir()
    ops.chmod(0o1777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def machine() -> dict[str, str]:
    """What the figures depend on, in words."""
    return {
        "system": platform.platform(),
        "cores": f"{os.cpu_count()} cores",
        "python": f"Python {platform.python_version()}",
    }
