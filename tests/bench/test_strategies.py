"""The strategies' shape, on which measuring their guard code will rest."""

import ast
import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from stepwell.bench import strategies
from stepwell.bench.deploy import archive

FOLDER = Path(strategies.__file__).parent
SOURCES = [path for path in sorted(FOLDER.glob("*.py")) if path.name != "__init__.py"]
GUARD = re.compile(r"^ +# guard: (\S+)\n(.*?)^ +# end guard\n", re.MULTILINE | re.DOTALL)
OPERATIONS = {"begin", "read", "write", "emit", "commit"}


def defined(tree: ast.Module) -> set[str]:
    """The names that a module has at its top, its own and imported."""
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return names | {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_each_supplies_the_five_operations(path: Path) -> None:
    assert defined(ast.parse(path.read_text())) >= OPERATIONS


@pytest.mark.parametrize(
    ("name", "guards"),
    [("blind", []), ("conditional", ["claim", "version", "owner"]), ("orchestration", ["idempotency-key"])],
)
def test_guards_are_marked_and_can_be_deleted(name: str, guards: list[str]) -> None:
    source = (FOLDER / f"{name}.py").read_text()
    assert [match.group(1) for match in GUARD.finditer(source)] == guards
    assert source.count("# guard:") == source.count("# end guard") == len(guards)
    for match in GUARD.finditer(source):
        left = source[: match.start()] + source[match.end() :]
        assert defined(ast.parse(left)) >= OPERATIONS


def test_the_archive_holds_what_the_worker_imports_and_nothing_else_of_ours() -> None:
    with zipfile.ZipFile(BytesIO(archive())) as opened:
        sources = {name: opened.read(name).decode() for name in opened.namelist()}
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in sources}
    imported = {
        f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in modules else node.module
        for source in sources.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stepwell")
        for alias in node.names
    }
    assert imported <= modules
    assert modules - imported == {
        "stepwell", "stepwell.bench", "stepwell.bench.strategies", "stepwell.bench.workloads", "stepwell.bench.worker"
    }  # fmt: skip
