"""Source folders become deployment packages."""

import io
import sys
import zipfile
from pathlib import Path

import pytest

from stepwell.functions import build
from stepwell.functions.build import BuildError, build_function
from stepwell.functions.code import check_archive


def names(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "function"
    (folder / "package").mkdir(parents=True)
    (folder / "app.py").write_text("import package")
    (folder / "package" / "__init__.py").write_text("")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "app.pyc").write_text("")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "pyvenv.cfg").write_text("")
    return folder


def test_a_folder_without_requirements(source: Path, tmp_path: Path):
    said: list[str] = []
    archive = build_function(source, tmp_path / "cache", said.append)
    assert names(archive) == {"app.py": b"import package", "package/__init__.py": b""}
    check_archive(archive)
    assert said == [] and not (tmp_path / "cache").exists()
    (source / "app.py").touch()
    assert build_function(source, tmp_path / "cache", said.append) == archive


def local_package(folder: Path) -> Path:
    """A package that pip can install without a network: a wheel, which is an archive with three files of metadata."""
    wheel = folder / "tiny_thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_thing.py", "ANSWER = 42\n")
        archive.writestr("app.py", "installed = True\n")
        info = "tiny_thing-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def test_requirements_are_installed_once_and_the_source_wins(source: Path, tmp_path: Path):
    wheel = local_package(tmp_path)
    (source / "more.txt").write_text(f"--no-index\n{wheel}\n")
    (source / "requirements.txt").write_text("-r more.txt\n")
    said: list[str] = []
    files = names(build_function(source, tmp_path / "cache", said.append))
    assert files["tiny_thing.py"] == b"ANSWER = 42\n" and files["app.py"] == b"import package"
    assert said == [f"installing {source / 'requirements.txt'}"]
    again = names(build_function(source, tmp_path / "cache", said.append))
    assert again == files and len(said) == 1
    (source / "more.txt").write_text(f"# changed\n--no-index\n{wheel}\n")
    build_function(source, tmp_path / "cache", said.append)
    assert len(said) == 2 and len(list((tmp_path / "cache").iterdir())) == 2


def test_what_cannot_be_installed_says_why_and_leaves_nothing(source: Path, tmp_path: Path):
    (source / "requirements.txt").write_text("--no-index\nno-such-thing-anywhere==1\n")
    with pytest.raises(BuildError, match=r"cannot install .*requirements\.txt(.|\n)*no-such-thing-anywhere"):
        build_function(source, tmp_path / "cache", lambda line: None)
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_is_not_there(tmp_path: Path):
    with pytest.raises(BuildError, match="is not a folder"):
        build_function(tmp_path / "nothing", tmp_path, lambda line: None)


def test_an_environment_without_pip(monkeypatch):
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(build.shutil, "which", lambda name: "/bin/uv")
    assert build._installer() == ["/bin/uv", "pip", "--python", sys.executable]
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    with pytest.raises(BuildError, match="has no pip"):
        build._installer()
