"""The changes, and how large they are: what is counted is the difference between the files that are deployed.

Python counts by logical lines, as `ast.unparse` writes them without docstrings, so that layout and comments do not; a
state machine counts by the lines of its JSON, whatever they are indented by. Guarantees that no figure here is written
down by hand: only what there is to operate is said in words.
"""

import ast
import difflib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stepwell.bench.catalog import BLIND, CACHE, CONDITIONAL, KEYED, ORCHESTRATION, QUEUED, SINGLE_WRITER, STRATEGIES
from stepwell.bench.flexibility import definitions
from stepwell.bench.load.machines import Definition

ORDER, BRANCH, FAN_OUT = "order", "branch", "fan-out"
CHANGES = {
    BRANCH: "orders above a limit are reviewed before the charge",
    FAN_OUT: "each line of an order is reserved by itself, and all before the confirmation",
}

FUNCTION, WRITER, QUEUE, MACHINE = "function", "writer", "queue", "machine"
WAYS = {
    BLIND: FUNCTION, CONDITIONAL: FUNCTION, CACHE: FUNCTION, SINGLE_WRITER: WRITER, QUEUED: QUEUE,
    ORCHESTRATION: MACHINE, KEYED: MACHINE,
}  # fmt: skip
"""Strategy to the way in which an order goes from step to step."""

_FLOWS = {
    FUNCTION: {ORDER: "function_order", BRANCH: "function_branch", FAN_OUT: "function_fan_out"},
    WRITER: {ORDER: "function_order", BRANCH: "function_branch", FAN_OUT: "writer_fan_out"},
    QUEUE: {ORDER: "queue_order", BRANCH: "queue_branch", FAN_OUT: "queue_fan_out"},
    MACHINE: {ORDER: "machine_order", BRANCH: "machine_order", FAN_OUT: "machine_fan_out"},
}
_DEFINITIONS: dict[str, Callable[..., Definition]] = {
    ORDER: definitions.order, BRANCH: definitions.branch, FAN_OUT: definitions.fan_out,
}  # fmt: skip
_OPERATE = {
    (FUNCTION, FAN_OUT): ("time limit that covers the slowest line", "a worker that waits, billed, for its lines"),
    (WRITER, FAN_OUT): ("orders whose lines never all arrive", "groups of orders and of articles in one queue"),
    (QUEUE, FAN_OUT): ("orders whose lines never all arrive",),
    (MACHINE, FAN_OUT): ("concurrency of the Map",),
}
_PROTECTED = {"once", "raise_by_one"}
"""What has a strategy protect a piece of work."""

_FOLDER = Path(__file__).parent
_ARN = "arn:aws:lambda:us-east-1:123456789012:function:work"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of one change under one strategy: lines (added, removed) of its flow in Python and of its state machine in JSON.

    `steps` are the lines of new steps, which are the same under all strategies that take them. `guarded` are the places
    more that the strategy or a Retry protects. `states`, `calls` and `operate` are what is new of each: `calls` are
    those that the function now makes to AWS, each a permission.
    """

    python: tuple[int, int]
    machine: tuple[int, int]
    steps: int
    guarded: int
    states: tuple[str, ...]
    calls: tuple[str, ...]
    operate: tuple[str, ...]


def module(strategy: str) -> str:
    """The strategy's in the worker. The queue's flow sends messages itself: what is left are conditional writes."""
    return "conditional" if strategy == QUEUED else STRATEGIES[strategy].module


def flow(strategy: str, version: str) -> str:
    """The module in `flows`."""
    return _FLOWS[WAYS[strategy]][version]


def workload(version: str) -> str:
    """The module that has the version's steps, in the worker."""
    return "order" if version == ORDER else f"order_{version.replace('-', '_')}"


def definition(strategy: str, version: str, function_arn: str = _ARN) -> Definition | None:
    """The state machine of an orchestrated strategy."""
    if WAYS[strategy] != MACHINE:
        return None
    return _DEFINITIONS[version](function_arn, keyed=strategy == KEYED)


def size(strategy: str, change: str) -> Size:
    """What is different from the order as it was."""
    before, after = (_source(strategy, version) for version in (ORDER, change))
    machines = [definition(strategy, version) or {} for version in (ORDER, change)]
    taken = _taken(change, ast.unparse(after) + json.dumps(machines[1]))
    retriers = [json.dumps(each).count('"Retry"') for each in machines]
    return Size(
        python=_difference(_lines(before), _lines(after)),
        machine=_difference(*([line.strip() for line in _json(each)] for each in machines)),
        steps=sum(len(_lines(each)) for each in taken),
        guarded=sum(_guarded(each) for each in taken) + retriers[1] - retriers[0],
        states=tuple(sorted(_states(machines[1]) - _states(machines[0]))),
        calls=tuple(sorted(_calls(after) - _calls(before))),
        operate=_OPERATE.get((WAYS[strategy], change), ()),
    )  # fmt: skip


def differences(strategy: str, change: str) -> list[str]:
    """The change itself, as a unified diff of the flow and one of the state machine."""
    paths = [_path(strategy, version) for version in (ORDER, change)]
    python = [path.read_text("utf-8").splitlines() for path in paths]
    machines = [_json(definition(strategy, version) or {}) for version in (ORDER, change)]
    return [
        *_unified(python, [f"flows/{path.name}" for path in paths]),
        *_unified(machines, [f"{version}.asl.json" for version in (ORDER, change)]),
    ]


def _unified(texts: list[list[str]], names: list[str]) -> Iterator[str]:
    return difflib.unified_diff(texts[0], texts[1], names[0], names[1], n=1, lineterm="")


def _path(strategy: str, version: str) -> Path:
    return _FOLDER / "flows" / f"{flow(strategy, version)}.py"


def _json(definition: Definition) -> list[str]:
    return json.dumps(definition, indent=2).splitlines()


def _source(strategy: str, version: str) -> ast.Module:
    return _parsed(_path(strategy, version))


def _parsed(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return tree


def _lines(tree: ast.AST) -> list[str]:
    return [line for line in ast.unparse(tree).splitlines() if line.strip()]


def _difference(before: list[str], after: list[str]) -> tuple[int, int]:
    marks = [line[:2] for line in difflib.ndiff(before, after)]
    return marks.count("+ "), marks.count("- ")


def _taken(change: str, text: str) -> list[ast.FunctionDef]:
    """The functions behind the new steps that a flow or definition names, with those that they need."""
    tree = _parsed(_FOLDER / f"{workload(change)}.py")
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found: dict[str, ast.FunctionDef] = {}
    waiting = [name for name in functions if repr(_step(name)) in text or f'"{_step(name)}"' in text]
    while waiting:
        name = waiting.pop()
        if name in functions and name not in found:
            found[name] = functions[name]
            waiting += [node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name)]
    return list(found.values())


def _step(function: str) -> str:
    return function.replace("_", "-")


def _guarded(function: ast.FunctionDef) -> int:
    return sum(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _PROTECTED
        for node in ast.walk(function)
    )


def _states(definition: Definition) -> set[str]:
    return {f"{name} ({state['Type']})" for name, state in _all_states(definition)}


def _all_states(definition: Definition) -> Iterator[tuple[str, Definition]]:
    for name, state in definition.get("States", {}).items():
        yield name, state
        yield from _all_states(state.get("ItemProcessor", {}))


def _calls(flow: ast.Module) -> set[str]:
    """`lambda.Invoke`, where `_lambda.invoke` is called on a client that was made in the flow."""
    services = {
        ast.unparse(node.targets[0]): ast.literal_eval(node.value.args[0])
        for node in flow.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if ast.unparse(node.value.func) == "boto3.client"
    }
    attributes = [node for node in ast.walk(flow) if isinstance(node, ast.Attribute)]
    return {
        f"{services[ast.unparse(node.value)]}.{node.attr.title().replace('_', '')}"
        for node in attributes
        if ast.unparse(node.value) in services
    }
