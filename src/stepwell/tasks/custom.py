"""Resources of a user's own: `arn:aws:states:::NAME:ACTION` performed by a Python function.

    @resource("arn:aws:states:::acme:charge")
    async def charge(input, context):
        return {"charged": input["amount"]}

They come from the files that `--resources` names and from installed packages with the entry point group
`stepwell.resources`, whose modules or functions are such. They run in the server's process, with its rights.
"""

import asyncio
import importlib.util
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from stepwell.asl.errors import StatesError
from stepwell.asl.jsontext import Json
from stepwell.asl.program import Resource
from stepwell.asl.resources import parse_resource
from stepwell.awsmodels.integrations import SDK, is_integration, optimized
from stepwell.engine.arns import EXECUTION, EXPRESS, parse_arn
from stepwell.machine.commands import StartTask
from stepwell.tasks.attempts import TaskError

ENTRY_POINTS = "stepwell.resources"
_MARK = "stepwell_resource"

F = TypeVar("F", bound=Callable[..., Any])
Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What a resource is told besides its input.

    `idempotency_key` is the same however often this attempt is made; a retry has another one. `task_token` is there
    for `.waitForTaskToken`: what the function gives is then only noted, and SendTaskSuccess settles the task.
    """

    execution: str
    region: str
    account: str
    attempt: int
    idempotency_key: str
    task_token: str | None
    timeout_seconds: int | None


Perform: TypeAlias = Callable[[Json, TaskContext], Awaitable[Json] | Json]


class BadResource(ValueError):
    """A resource cannot be loaded; the text says which and why."""


class ResourceFailed(Exception):
    """Raised by a resource to fail its task with this error name and cause."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


def resource(arn: str) -> Callable[[F], F]:
    """Marks a function as what performs `arn`. Raises `BadResource` for an ARN that AWS has already."""
    _key(arn)

    def mark(function: F) -> F:
        setattr(function, _MARK, arn)
        return function

    return mark


def _key(arn: str) -> Key:
    found = parse_resource(arn)
    if found is None or found.family != "Task" or found.pattern:
        raise BadResource(f"{arn!r} is not of the form arn:aws:states:::NAME:ACTION")
    if found.type in optimized() or found.type.startswith(SDK):
        raise BadResource(f"{arn!r} is AWS's own: choose another name than {found.type!r}")
    return found.type, found.action


class CustomResources:
    """The resources that users have made."""

    def __init__(self, functions: Mapping[Key, Perform]) -> None:
        self._functions = dict(functions)

    def has(self, type: str, action: str) -> bool:
        return (type, action) in self._functions

    def recognizes(self, resource: Resource) -> bool:
        """Whether there is what a Task names: an integration of AWS's, or one of these."""
        action = resource.action.partition(".")[0]
        if resource.family != "Task" or self.has(resource.type, action):
            return True
        return is_integration(resource.type, action, resource.pattern)

    async def perform(self, execution: str, command: StartTask) -> Json:
        """What the function gives. What it raises is the task's error, by the name of the exception's class."""
        arn = parse_arn(execution, EXECUTION, EXPRESS)
        context = TaskContext(
            execution=execution, region=arn.region, account=arn.account, attempt=command.attempt,
            idempotency_key=command.idempotency_key, task_token=command.task_token,
            timeout_seconds=command.timeout_seconds,
        )  # fmt: skip
        function = self._functions[command.type, command.action.partition(".")[0]]
        try:
            if inspect.iscoroutinefunction(function):
                return await function(command.input.value, context)
            return await asyncio.to_thread(function, command.input.value, context)
        except StatesError:
            raise
        except ResourceFailed as failed:
            raise TaskError(failed.error, failed.cause) from None
        except Exception as error:
            raise TaskError(type(error).__name__, str(error)) from error


def load_resources(files: Iterable[Path] = ()) -> CustomResources:
    """The resources of the files and of installed packages. Raises `BadResource`."""
    found: dict[Key, Perform] = {}
    for entry_point in entry_points(group=ENTRY_POINTS):
        _collect(found, _loaded(entry_point.name, entry_point.load), entry_point.name)
    for file in files:
        loaded = _loaded(str(file), lambda file=file: _module(file))  # type: ignore[misc]
        _collect(found, loaded, str(file))
    return CustomResources(found)


def _loaded(name: str, load: Callable[[], Any]) -> Any:
    """A user's code runs here, and may raise whatever it likes."""
    try:
        return load()
    except BadResource:
        raise
    except Exception as error:
        raise BadResource(f"{name}: {type(error).__name__}: {error}") from error


def _module(file: Path) -> Any:
    if not file.is_file():
        raise BadResource(f"{file}: there is no such file")
    name = f"stepwell_resources_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise BadResource(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look their module up
    spec.loader.exec_module(module)
    return module


def _collect(found: dict[Key, Perform], loaded: Any, where: str) -> None:
    marked = [loaded] if hasattr(loaded, _MARK) else [item for item in vars(loaded).values() if hasattr(item, _MARK)]
    if not marked:
        raise BadResource(f"{where} holds no function with @resource(...)")
    for function in marked:
        key = _key(getattr(function, _MARK))
        if found.setdefault(key, function) is not function:
            raise BadResource(f"{where}: arn:aws:states:::{':'.join(key)} is there twice")
