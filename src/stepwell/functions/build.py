"""From a source folder to a deployment package, with what its requirements.txt names installed into it."""

import hashlib
import importlib.util
import io
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

_SKIPPED_FOLDERS = frozenset(
    {
        "__pycache__",
        ".git",
        ".hg",
        ".venv",
        "venv",
        "node_modules",
        ".aws-sam",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
    }
)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ERROR_LINES = 15


class BuildError(Exception):
    """A function cannot be built; the message says why, for a person."""


def build_function(source: Path, cache: Path, progress: Callable[[str], None]) -> bytes:
    """The zip archive of the function in the folder `source`.

    Where there is a `requirements.txt`, its packages are installed once per content and Python version under `cache`
    and go into the archive beside the source, whose files win. The same input gives the same bytes. `progress` gets a
    line for a person before anything that takes long. Raises `BuildError`.
    """
    if not source.is_dir():
        raise BuildError(f"{source} is not a folder")
    files = dict(_files(source))
    requirements = source / "requirements.txt"
    if requirements.is_file():
        files = dict(_files(_installed(requirements, cache, progress))) | files
    return _zip(files)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED_FOLDERS]
        for name in names:
            path = Path(parent, name)
            if path.suffix != ".pyc" and path.is_file():
                yield path.relative_to(folder).as_posix(), path


def _zip(files: dict[str, Path]) -> bytes:
    """Names in order, times and permissions fixed: equal content must have an equal CodeSha256 on every machine."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            executable = os.access(files[name], os.X_OK)
            entry.external_attr = (0o100755 if executable else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, _read(files[name]))
    return buffer.getvalue()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BuildError(f"cannot read {path}: {error.strerror}") from None


def _installed(requirements: Path, cache: Path, progress: Callable[[str], None]) -> Path:
    """The folder with the installed packages; an interrupted installation leaves none behind."""
    folder = cache / _fingerprint(requirements)
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".install-", dir=cache))
    progress(f"installing {requirements}")
    try:
        _install(requirements, partial)
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():  # Otherwise another build installed the same packages first.
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _fingerprint(requirements: Path) -> str:
    digest = hashlib.sha256(f"{sys.version_info[:2]} {sys.platform} {platform.machine()}\n".encode())
    for path in _with_included(requirements, set()):
        digest.update(_read(path))
    return digest.hexdigest()


def _with_included(requirements: Path, seen: set[Path]) -> Iterator[Path]:
    """The file and those that it names with `-r` or `-c`."""
    if requirements in seen or not requirements.is_file():
        return
    seen.add(requirements)
    yield requirements
    for line in _read(requirements).decode(errors="replace").splitlines():
        option, _, name = line.strip().replace("=", " ", 1).partition(" ")
        if option in ("-r", "-c", "--requirement", "--constraint") and name.strip():
            yield from _with_included(requirements.parent / name.strip(), seen)


def _install(requirements: Path, target: Path) -> None:
    command = [*_installer(), "install", "--quiet", "--target", str(target), "--requirement", requirements.name]
    result = subprocess.run(
        command, cwd=requirements.parent, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        lines = (result.stderr or result.stdout).strip().splitlines()[-_ERROR_LINES:]
        raise BuildError("\n".join([f"cannot install {requirements}:", *lines]))


def _installer() -> list[str]:
    """pip of this interpreter; environments made by uv have none, but then uv is there."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "--python", sys.executable]
    raise BuildError(f"{sys.executable} has no pip, and no uv is on PATH: one of them must install requirements.txt")
