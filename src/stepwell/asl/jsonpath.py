"""JSONPath in Jayway's dialect, compiled to closures.

Nearly every path of a real definition is a chain of names and indexes; those are read by a plain loop. Everything else
becomes a chain of steps, built from the tail, each of which hands what it finds to the next. Where a path may fail is
known when it is compiled: only while everything before is definite, so every message is put together here as well.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from stepwell.asl.errors import RUNTIME, StatesError
from stepwell.asl.javaforms import java_class
from stepwell.asl.jsonpath_filters import MISSING, Operand, PathCompiler, Predicate, compile_filter
from stepwell.asl.jsonpath_parser import (
    Argument,
    Call,
    Filter,
    Indexes,
    Names,
    PathSyntaxError,
    Scan,
    Slice,
    Token,
    Wildcard,
    parse_path,
)
from stepwell.asl.jsontext import Json, encode

__all__ = ["Path", "PathError", "PathSyntaxError", "compile_path"]

MATCHES_MAX = 1_000_000
"""Of a path with `..`: several of them multiply what they find; a document of 120 levels would do to fill memory."""


class PathError(Exception):
    """A path found nothing, or something it cannot be applied to; the message is Jayway's.

    `missing_parent`: what was missing was not the last part of the path.
    """

    def __init__(self, message: str, missing_parent: bool = False) -> None:
        super().__init__(message)
        self.missing_parent = missing_parent


class Path:
    """A compiled path.

    `read(document)` gives the value of a definite path and a list of all matches for any other; it raises `PathError`.
    `keys` are the names and indexes of a path that consists of nothing else, and None for all others.
    """

    __slots__ = ("definite", "keys", "read", "text")

    def __init__(
        self, text: str, definite: bool, keys: tuple[str | int, ...] | None, read: Callable[[Json], Json]
    ) -> None:
        self.text = text
        self.definite = definite
        self.keys = keys
        self.read = read


def compile_path(text: str, *, barewords: bool = False) -> Path:
    """Compile a path. Raises `PathSyntaxError` with Jayway's message.

    `barewords`: in a filter, an unquoted word is a string (`[?(@.Name==Receipt)]`), as AWS accepts it.
    """
    root, tokens = parse_path(text)
    keys = _keys(tokens)
    general = _compile_general(root, tokens, barewords)
    definite = _definite(tokens) or _counts_scan(tokens)
    if keys is None:
        return Path(text, definite, None, lambda document: general(document, document))
    return Path(text, True, keys, _compile_keys(keys, general))


_Evaluate: TypeAlias = Callable[[Json, Json], Json]
"""(item that `@` stands for, or the document; the root document) -> value. Raises PathError."""
_Step: TypeAlias = Callable[[Json, Json, list[Json]], None]
"""(value, root document, results so far)."""


class _Compilation:
    """What the steps of one path share."""

    __slots__ = ("barewords", "path", "required", "tokens")

    def __init__(self, path: str, tokens: list[Token], barewords: bool, required: bool) -> None:
        self.path = path
        self.tokens = tokens
        self.barewords = barewords
        self.required = required
        """Every name must be there: how Jayway tests whether `@.a` exists in a filter."""


def _keys(tokens: list[Token]) -> tuple[str | int, ...] | None:
    keys: list[str | int] = []
    for token in tokens:
        if isinstance(token, Names) and len(token.names) == 1:
            keys.append(token.names[0])
        elif isinstance(token, Indexes) and len(token.indexes) == 1:
            keys.append(token.indexes[0])
        else:
            return None
    return tuple(keys)


def _compile_keys(keys: tuple[str | int, ...], general: _Evaluate) -> Callable[[Json], Json]:
    """The fast path: a plain walk, and only when it fails the general form, for its message."""
    if not keys:
        return lambda document: general(document, document)

    def read_names(document: Json) -> Json:
        value = document
        try:
            for key in keys:
                value = value[key]
        except (KeyError, TypeError):
            return general(document, document)
        return value

    def read_mixed(document: Json) -> Json:
        value = document
        try:
            for key in keys:
                # A string can be indexed in Python, but not in JSONPath.
                if type(value) is str:
                    return general(document, document)
                value = value[key]
        except (KeyError, TypeError, IndexError):
            return general(document, document)
        return value

    return read_names if all(isinstance(key, str) for key in keys) else read_mixed


def _token_definite(token: Token, leaf: bool) -> bool:
    if isinstance(token, Names):
        return leaf or len(token.names) == 1
    if isinstance(token, Indexes):
        return len(token.indexes) == 1
    return isinstance(token, Call)


def _definite(tokens: list[Token]) -> bool:
    return all(_token_definite(token, index == len(tokens) - 1) for index, token in enumerate(tokens))


def _counts_scan(tokens: list[Token]) -> bool:
    """`$..a.length()`: Jayway turns it into a function of the path before it."""
    return bool(tokens) and isinstance(tokens[0], Scan) and isinstance(tokens[-1], Call)


def _compile_general(root: str, tokens: list[Token], barewords: bool, required: bool = False) -> _Evaluate:
    if _counts_scan(tokens):
        return _compile_scan_call(root, tokens, barewords)
    path = root + "".join(map(str, tokens))
    step = _build(_Compilation(path, tokens, barewords, required), 0, root)
    definite = _definite(tokens)
    message = f"No results for path: {path}"

    def evaluate(item: Json, document: Json) -> Json:
        if document is None:
            raise PathError("root can not be null")
        results: list[Json] = []
        step(document if root == "$" else item, document, results)
        if not definite:
            return results
        if not results:
            raise PathError(message)
        return results[-1]

    return evaluate


def _compile_scan_call(root: str, tokens: list[Token], barewords: bool) -> _Evaluate:
    call = tokens[-1]
    assert isinstance(call, Call)
    inner: list[Token] = tokens[:-1]
    if call.name in ("length", "size"):
        inner = [*inner, Wildcard()]
    matches = _compile_general(root, inner, barewords)
    apply = _function(call.name)
    return lambda item, document: apply(matches(item, document), [])


def _build(compilation: _Compilation, index: int, where: str | None) -> _Step:
    """The step of token `index` and all after it. `where` is the path so far, None once it is indefinite."""
    if index == len(compilation.tokens):
        return lambda value, root, results: results.append(value)
    token = compilation.tokens[index]
    leaf = index == len(compilation.tokens) - 1
    match token:
        case Names(names=names):
            if len(names) == 1:
                return _build_name(compilation, index, where, leaf)
            return _build_names(compilation, index, where, leaf)
        case Indexes(indexes=indexes):
            after = None if where is None or len(indexes) > 1 else f"{where}[{indexes[0]}]"
            step = _build(compilation, index + 1, after)
            return _array_step(str(token), where, step, lambda length: indexes)
        case Slice():
            step = _build(compilation, index + 1, None)
            return _array_step(str(token), where, step, lambda length: _slice_indexes(token, length))
        case Wildcard():
            return _build_wildcard(compilation, index)
        case Scan():
            return _build_scan(compilation, index)
        case Filter(criteria=criteria):
            return _build_filter(compilation, index, where, criteria)
        case Call():
            return _build_call(compilation, index, where, token)


def _not_an_object(value: Json, token: Token, where: str) -> PathError:
    return PathError(
        f"Expected to find an object with property {token} in path {where} but found '{java_class(value)}'. This is "
        "not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JsonSmartJsonProvider'."
    )


def _build_name(compilation: _Compilation, index: int, where: str | None, leaf: bool) -> _Step:
    token = compilation.tokens[index]
    assert isinstance(token, Names)
    name = token.names[0]
    found_at = None if where is None else f"{where}['{name}']"
    step = _build(compilation, index + 1, found_at)
    fails = compilation.required or (found_at is not None and not leaf)
    message = f"Missing property in path {found_at}"

    def walk(value: Json, root: Json, results: list[Json]) -> None:
        if not isinstance(value, dict):
            if where is not None:
                raise _not_an_object(value, token, where)
        elif name in value:
            step(value[name], root, results)
        elif fails:
            raise PathError(message, missing_parent=True)

    return walk


def _build_names(compilation: _Compilation, index: int, where: str | None, leaf: bool) -> _Step:
    token = compilation.tokens[index]
    assert isinstance(token, Names)
    names = token.names
    step = _build(compilation, index + 1, None)

    def walk(value: Json, root: Json, results: list[Json]) -> None:
        if not isinstance(value, dict):
            if where is not None:
                raise _not_an_object(value, token, where)
        elif leaf:
            results.append({name: value[name] for name in names if name in value})
        else:
            for name in names:
                if name in value:
                    step(value[name], root, results)

    return walk


def _array_step(label: str, where: str | None, step: _Step, indexes_of: Callable[[int], Iterable[int]]) -> _Step:
    def walk(value: Json, root: Json, results: list[Json]) -> None:
        if not isinstance(value, list):
            if where is None:
                return
            if value is None:
                raise PathError(f"The path {where} is null")
            context = _context_text(value)
            raise PathError(f"Filter: {label} can only be applied to arrays. Current context is: {context}")
        length = len(value)
        for index in indexes_of(length):
            if -length <= index < length:
                step(value[index], root, results)

    return walk


def _slice_indexes(token: Slice, length: int) -> range:
    start, stop = token.start, token.stop
    if start is None:
        assert stop is not None
        return range(min(length, stop + length if stop < 0 else stop))
    if stop is None:
        return range(max(0, start + length if start < 0 else start), length)
    # Jayway does not resolve negative bounds here: [1:-1] is empty, [-3:-1] counts -3, -2.
    return range(max(start, -length), min(length, stop))


def _build_wildcard(compilation: _Compilation, index: int) -> _Step:
    step = _build(compilation, index + 1, None)

    def walk(value: Json, root: Json, results: list[Json]) -> None:
        for child in _children(value):
            step(child, root, results)

    return walk


def _children(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _descendants(value: Json) -> Iterator[Json]:
    """The value and all objects and arrays below, parents first; a stack, because documents can be deep."""
    stack = [value]
    while stack:
        current = stack.pop()
        if isinstance(current, dict | list):
            yield current
            stack.extend(reversed(list(_children(current))))


def _build_scan(compilation: _Compilation, index: int) -> _Step:
    if index + 1 == len(compilation.tokens):
        raise PathSyntaxError("Path must not end with a '.' or '..'")
    following = compilation.tokens[index + 1]
    step = _build(compilation, index + 1, None)
    wanted = _scan_predicate(compilation, following, leaf=index + 2 == len(compilation.tokens))

    def walk(value: Json, root: Json, results: list[Json]) -> None:
        for child in _descendants(value):
            if wanted(child, root):
                step(child, root, results)
                if len(results) > MATCHES_MAX:
                    raise StatesError(RUNTIME, f"The path {compilation.path} matches more than {MATCHES_MAX} values.")

    return walk


def _scan_predicate(compilation: _Compilation, following: Token, leaf: bool) -> Predicate:
    """Which of the values below `..` the next token is tried on."""
    if isinstance(following, Names) and (leaf or len(following.names) == 1):
        names = following.names
        return lambda value, root: isinstance(value, dict) and all(name in value for name in names)
    if isinstance(following, Filter):
        return compile_filter(following.criteria, _path_compiler(compilation.barewords), compilation.barewords)
    return lambda value, root: True


def _build_filter(compilation: _Compilation, index: int, where: str | None, criteria: str) -> _Step:
    predicate = compile_filter(criteria, _path_compiler(compilation.barewords), compilation.barewords)
    step = _build(compilation, index + 1, None)

    def walk(value: Json, root: Json, results: list[Json]) -> None:
        if isinstance(value, dict):
            if predicate(value, root):
                step(value, root, results)
        elif isinstance(value, list):
            for item in value:
                if predicate(item, root):
                    step(item, root, results)
        elif where is not None:
            raise PathError(f"Filter: [?] can not be applied to primitives. Current context is: {_context_text(value)}")

    return walk


def _path_compiler(barewords: bool) -> PathCompiler:
    def value(text: str) -> Operand:
        root, tokens = parse_path(text)
        evaluate = _compile_general(root, tokens, barewords)

        def operand(item: Json, document: Json) -> Json:
            try:
                return evaluate(item, document)
            except PathError:
                return MISSING

        return operand

    def exists(text: str) -> Predicate:
        root, tokens = parse_path(text)
        evaluate = _compile_general(root, tokens, barewords, required=True)

        def predicate(item: Json, document: Json) -> bool:
            try:
                evaluate(item, document)
            except PathError:
                return False
            return True

        return predicate

    return PathCompiler(value, exists)


_Function: TypeAlias = Callable[[Json, list[Json]], Json]
"""(value the function is applied to, arguments). Raises PathError."""


def _build_call(compilation: _Compilation, index: int, where: str | None, token: Call) -> _Step:
    apply = _function(token.name)
    arguments = [_compile_argument(argument, compilation.barewords) for argument in token.arguments]
    step = _build(compilation, index + 1, None if where is None else where + str(token))

    def walk(value: Json, root: Json, results: list[Json]) -> None:
        given = [argument(value, root) for argument in arguments]
        step(apply(value, given), root, results)

    return walk


def _compile_argument(argument: Argument, barewords: bool) -> _Evaluate:
    if argument.path is None:
        return lambda item, root: argument.value
    root_symbol, tokens = parse_path(argument.path)
    return _compile_general(root_symbol, tokens, barewords)


def _function(name: str) -> _Function:
    function = _FUNCTIONS.get(name)
    if function is None:
        raise PathSyntaxError(f"Function with name: {name} does not exist.")
    return function


def _flat(arguments: list[Json]) -> Iterator[Json]:
    for argument in arguments:
        if isinstance(argument, list):
            yield from argument
        else:
            yield argument


def _aggregate(compute: Callable[[list[float]], float]) -> _Function:
    def apply(value: Json, arguments: list[Json]) -> float:
        candidates = [*(value if isinstance(value, list) else []), *_flat(arguments)]
        numbers = [each for each in candidates if isinstance(each, int | float) and not isinstance(each, bool)]
        if not numbers:
            raise PathError("Aggregation function attempted to calculate value using empty array")
        try:
            return compute([float(number) for number in numbers])
        except OverflowError:
            raise PathError("Aggregation function attempted to calculate value beyond a double") from None

    return apply


def _deviation(numbers: list[float]) -> float:
    count, total, squares = len(numbers), sum(numbers), sum(number * number for number in numbers)
    return math.sqrt(max(0.0, squares / count - total * total / count / count))


def _length(value: Json, arguments: list[Json]) -> Json:
    target = arguments[0] if arguments else value
    return len(target) if isinstance(target, list | dict) else None


def _keys_of(value: Json, arguments: list[Json]) -> Json:
    return list(value) if isinstance(value, dict) else None


def _concat(value: Json, arguments: list[Json]) -> str:
    candidates = [*(value if isinstance(value, list) else []), *_flat(arguments)]
    return "".join(each for each in candidates if isinstance(each, str))


def _append(value: Json, arguments: list[Json]) -> Json:
    return [*value, *_flat(arguments)] if isinstance(value, list) else value


def _at(position: Callable[[list[Json]], Json]) -> _Function:
    def apply(value: Json, arguments: list[Json]) -> Json:
        index = position(arguments)
        if not isinstance(value, list) or not value or not isinstance(index, int):
            raise PathError("Aggregation function attempted to calculate value using empty array")
        if not -len(value) <= index < len(value):
            raise PathError(f"Target index:{index} larger than object count:{len(value)}")
        return value[index]

    return apply


_FUNCTIONS: dict[str, _Function] = {
    "min": _aggregate(min),
    "max": _aggregate(max),
    "sum": _aggregate(sum),
    "avg": _aggregate(lambda numbers: sum(numbers) / len(numbers)),
    "stddev": _aggregate(_deviation),
    "length": _length,
    "size": _length,
    "keys": _keys_of,
    "concat": _concat,
    "append": _append,
    "first": _at(lambda arguments: 0),
    "last": _at(lambda arguments: -1),
    "index": _at(lambda arguments: arguments[0] if arguments else None),
}


def _context_text(value: Json) -> str:
    return value if isinstance(value, str) else encode(value)
