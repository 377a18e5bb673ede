"""Reading a project's files: none outside its folder, none too large, none that explodes when it is parsed."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from stepwell.project.plan import ProjectError

MAX_TEXT_BYTES = 1 << 20
"""A template in S3 and a definition may have 1 MiB on AWS."""
MAX_DEPTH = 100
MAX_NODES = 200_000
MAX_FILES = 50_000
NOT_PACKED = frozenset(
    {
        ".git",
        ".hg",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".aws-sam",
        ".stepwell",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
    }
)

_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_REMOTE = re.compile(r"(s3|https?)://", re.IGNORECASE)


def inside(folder: Path, name: str, what: str, file: Path, line: int | None = None) -> Path:
    """The existing file or folder that `name`, found in `file`, means, with symbolic links resolved.

    Relative names count from the folder of `file`. Raises `ProjectError` for what lies outside `folder`, is in S3, or
    is not there.
    """
    if _REMOTE.match(name):
        raise ProjectError(f"{what} is {name}: give the path of a local file or folder instead", file, line)
    try:
        path = (file.parent / name).resolve()
        exists = path.exists()
    except (OSError, ValueError, RuntimeError) as error:
        raise ProjectError(f"{what} is {name!r}, which is not a path: {error}", file, line) from None
    if not path.is_relative_to(folder.resolve()):
        raise ProjectError(f"{what} is {name}, which is outside the project's folder {folder}", file, line)
    if not exists:
        raise ProjectError(f"{what} is {name}, but {path} does not exist", file, line)
    return path


def source_files(folder: Path, source: Path) -> Iterator[Path]:
    """The files of a function's folder that can be packed. Raises `ProjectError` for a link that leaves `folder`."""
    root = folder.resolve()
    count = 0
    for parent, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if name not in NOT_PACKED)
        for name in sorted(names):
            path = Path(parent, name)
            count += 1
            if count > MAX_FILES:
                raise ProjectError(f"{source} has more than {MAX_FILES:,} files")
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise ProjectError(f"{path} is a link to {path.resolve()}, outside the project's folder {folder}")
            yield path


def read_text(path: Path) -> str:
    """The text of a file of at most 1 MiB. Raises `ProjectError`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEXT_BYTES + 1)
        if len(data) > MAX_TEXT_BYTES:
            raise ProjectError(f"has more than {MAX_TEXT_BYTES:,} bytes, AWS's limit", path)
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ProjectError(f"cannot be read: {error.strerror}", path) from None
    except UnicodeDecodeError as error:
        raise ProjectError(f"is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}", path) from None


def parse_json(text: str, path: Path) -> Any:
    """The value of a JSON text. Raises `ProjectError` with the line."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ProjectError(f"is not JSON: {error.msg} at column {error.colno}", path, error.lineno) from None
    except (RecursionError, ValueError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ProjectError(f"is not JSON that AWS takes: {reason}", path) from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


class YamlDocument:
    """A parsed YAML text: `value` holds only what JSON can hold; `line(*keys)` is where a key stands, or None."""

    def __init__(self, value: Any, lines: dict[tuple[str, ...], int]) -> None:
        self.value = value
        self._lines = lines

    def line(self, *keys: str) -> int | None:
        """The 1-based line of the key at this path, or of the closest one above it that is known."""
        return next((self._lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in self._lines), None)


def parse_yaml(text: str, path: Path, tag: Callable[[str, Any], Any] | None = None) -> YamlDocument:
    """Parses YAML 1.1 as CloudFormation does: dates stay text, and no tag makes anything but JSON values.

    `tag(name, value)` gives the value of a node with the tag `!name`, or raises KeyError for one that is unknown.
    Aliases and merge keys work up to a total size. Raises `ProjectError` with the line.
    """
    try:
        _check_depth(text, path)
        loader = _loader(tag)(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise ProjectError("is empty", path)
            _check_size(node, path)
            return YamlDocument(loader.construct_document(node), _lines_of(node))
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else None
        raise ProjectError(f"is not YAML that AWS takes: {error.problem}", path, line) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ProjectError(f"is not YAML that AWS takes: {error}", path) from None


def _check_depth(text: str, path: Path) -> None:
    """Counts nesting on the event stream, because composing deep nodes would exhaust the C stack of the parser."""
    depth = 0
    for event in yaml.parse(text, Loader=_BaseLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ProjectError(f"is nested more than {MAX_DEPTH} deep", path, _line(event))


def _line(where: yaml.Event | yaml.Node) -> int | None:
    return where.start_mark.line + 1 if where.start_mark else None


def _check_size(root: yaml.Node, path: Path) -> None:
    """Counts nodes with every alias written out, each node once, so that a few aliases cannot stand for millions."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        key = id(node)
        if key in open_nodes:
            raise ProjectError("has an alias that contains itself", path, _line(node))
        if key not in sizes:
            open_nodes.add(key)
            sizes[key] = 1 + sum(map(size, _children(node)))
            open_nodes.discard(key)
        if sizes[key] > MAX_NODES:
            raise ProjectError(f"stands for more than {MAX_NODES:,} values when its aliases are written out", path)
        return sizes[key]

    size(root)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _lines_of(root: yaml.Node, depth: int = 4) -> dict[tuple[str, ...], int]:
    """Lines of the keys of the upper levels: what messages name is Resources/ID/Properties/NAME."""
    lines: dict[tuple[str, ...], int] = {}

    def visit(node: yaml.Node, keys: tuple[str, ...]) -> None:
        if isinstance(node, yaml.MappingNode) and len(keys) < depth:
            for key, value in node.value:
                here = (*keys, str(key.value))
                lines[here] = key.start_mark.line + 1
                visit(value, here)

    visit(root, ())
    return lines


def _loader(tag: Callable[[str, Any], Any] | None) -> Any:
    class Loader(_BaseLoader):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
            _refuse_duplicates(node)
            mapping = super().construct_mapping(node, deep=True)
            return {_key(key): value for key, value in mapping.items()}

    def tagged(loader: Any, name: str, node: Any) -> Any:
        build = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: _sequence(loader)}
        value = build.get(type(node), loader.construct_mapping)(node)
        try:
            if tag:
                return tag(name, value)
        except KeyError:
            pass
        raise yaml.constructor.ConstructorError(None, None, f"unknown tag !{name}", node.start_mark)

    Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)
    Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))
    for name in ("binary", "omap", "pairs", "set"):
        Loader.add_constructor(f"tag:yaml.org,2002:{name}", Loader.construct_undefined)
    Loader.add_multi_constructor("!", tagged)
    return Loader


def _sequence(loader: Any) -> Callable[[Any], Any]:
    return lambda node: loader.construct_sequence(node, deep=True)


def _construct_float(loader: Any, node: Any) -> float:
    value = float(loader.construct_yaml_float(node))
    if value != value or value in (float("inf"), float("-inf")):
        raise yaml.constructor.ConstructorError(None, None, f"{node.value} is not a JSON number", node.start_mark)
    return value


def _key(key: object) -> str:
    """JSON has only text keys: `200:` is the key "200", `true:` the key "true"."""
    return key if isinstance(key, str) else json.dumps(key, default=str)


def _refuse_duplicates(node: Any) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} is twice", key.start_mark)
            seen.add(key.value)
