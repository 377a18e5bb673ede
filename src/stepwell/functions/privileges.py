"""As whom handlers run: as an unprivileged user where that is possible, and in plain words where it is not."""

import os
import pwd
import sys
import sysconfig
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

_NOBODY = "nobody"


def runtime_path() -> Path:
    """Where awslambdaric is installed. Raises `ModuleNotFoundError` when it is not."""
    spec = find_spec("awslambdaric")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("awslambdaric, AWS's runtime client, is not installed in this interpreter")
    return Path(spec.submodule_search_locations[0]).parent


def worker_user(code_dir: Path) -> tuple[tuple[int, int] | None, list[str]]:
    """The (uid, gid) for workers, or None for the server's own, and notes for a person on what that means.

    `code_dir` is where the code of functions is unpacked.
    """
    if os.geteuid() != 0:
        return None, ["Functions run as the user that runs Stepwell and can read and write what that user can."]
    hidden = _hidden([Path(__file__).parent / "runtime", *_interpreter_paths(), code_dir])
    if hidden is not None:
        return None, [
            f"Functions run as root, because other users cannot read {hidden}. Run Stepwell as an ordinary user, or "
            "from an interpreter and with a data folder that everyone can read, and they will run as 'nobody'."
        ]
    entry = pwd.getpwnam(_NOBODY)
    return (entry.pw_uid, entry.pw_gid), [f"Functions run as the user '{_NOBODY}'."]


def _interpreter_paths() -> Iterable[Path]:
    yield Path(sys.executable).resolve()
    yield Path(sys.executable).absolute()
    yield runtime_path()
    yield from (Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def _hidden(paths: Iterable[Path]) -> Path | None:
    """The first of these paths, or of the folders above them, that others may not read or pass through."""
    for path in paths:
        for folder in reversed(path.parents):
            if not _permits(folder, 0o001):
                return folder
        if not _permits(path, 0o005 if path.is_dir() else 0o004):
            return path
    return None


def _permits(path: Path, bits: int) -> bool:
    try:
        return path.stat().st_mode & bits == bits
    except OSError:
        return False
