"""`state.yaml`, which `init` writes and a person marks: what the functions did to state, and what it is worth.

Also the small files beside it: `prototype.yaml` says how a prototype is started, `seed.json` what its tables hold
before. All are read with their types checked.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from stepwell.bench.own.template import UnusableProject
from stepwell.pricing.settings import UnusableSettings, read_settings

T = TypeVar("T")
Items = dict[str, list[dict[str, Any]]]
"""Of tables, by name or logical id."""

STATE, PROTOTYPE, SEED, EVENT = "state.yaml", "prototype.yaml", "seed.json", "event.json"
PROTOTYPES = "prototypes"

ANY = "any"
"""The mark of what is not judged."""

_MAX_JSON_BYTES = 1 << 20
_MAX_PROTOTYPES = 20
_Dollars = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
_Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=600_000)]


class Operation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Calls of one kind: what one undisturbed request does, and what a person says that it must keep to.

    `consistency` is `strong` where a lost or doubled change matters and `any` where it does not. `latency_ms` is the
    most that one call may take, `cost` the most dollars that all of its kind may cost in a million requests.
    """

    function: str
    call: str
    key: str
    access: Literal["read", "write", "emit"]
    conditional: bool
    count: int
    at: str = ""
    effect: bool = False
    consistency: Literal["strong", "any"] = "strong"
    latency_ms: _Milliseconds
    cost: _Dollars

    @property
    def title(self) -> str:
        return f"{self.call} {self.key}" + (f" ({self.at})" if self.at else "")


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the outside answers to one kind of request, as `POST pay.example/charges`."""

    to: str
    status: Annotated[int, msgspec.Meta(ge=100, le=599)] = 200
    body: str = ""


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file. `vary` are the values of the event that are a request's own: each occurrence is replaced.

    `ignore` are tables, or fields of them as `Orders.updated_at`, that may differ from run to run.
    """

    vary: Annotated[list[Annotated[str, msgspec.Meta(min_length=1)]], msgspec.Meta(min_length=1, max_length=20)]
    function_seconds: Annotated[int, msgspec.Meta(ge=1, le=60)] = 3
    latency_ms: _Milliseconds = 500
    cost: _Dollars = 50
    parameters: dict[str, str] = {}
    ignore: list[str] = []
    answers: list[Answer] = []
    operations: list[Operation]


class Prototype(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a prototype is started: the logical id of a function or a state machine.

    With `named` an execution has the request's name, so that starting it again starts nothing.
    """

    title: str
    start: str
    named: bool = False


def read_state(folder: Path) -> State:
    """Raises `UnusableProject`."""
    return _read(folder / STATE, State)


def read_prototypes(folder: Path, names: Sequence[str]) -> dict[str, Prototype]:
    """Those of this name, or all. Raises `UnusableProject`."""
    found = sorted(path.parent.name for path in (folder / PROTOTYPES).glob(f"*/{PROTOTYPE}"))
    if unknown := sorted(set(names) - set(found)):
        raise UnusableProject(f"{folder} has no prototype {', '.join(unknown)}, but {', '.join(found) or 'none'}")
    if len(found) > _MAX_PROTOTYPES:
        raise UnusableProject(f"{folder} has {len(found)} prototypes, more than {_MAX_PROTOTYPES}: move some away")
    if not found:
        raise UnusableProject(f"{folder} has no prototypes: make them with `stepwell bench init`")
    return {name: _read(folder / PROTOTYPES / name / PROTOTYPE, Prototype) for name in names or found}


def _read(path: Path, type: type[T]) -> T:
    try:
        return read_settings(path, type)
    except UnusableSettings as error:
        raise UnusableProject(str(error)) from None


def read_json(path: Path) -> Any:
    """A JSON file of at most 1 MiB. Raises `UnusableProject`."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_JSON_BYTES + 1)
        if len(data) > _MAX_JSON_BYTES:
            raise UnusableProject(f"{path} has more than {_MAX_JSON_BYTES:,} bytes")
        return json.loads(data)
    except OSError as error:
        raise UnusableProject(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UnusableProject(f"{path} is not JSON: {error}") from None


def read_seed(path: Path) -> Items:
    """What is there before each cell. Raises `UnusableProject`."""
    try:
        return msgspec.convert(read_json(path), Items)
    except msgspec.ValidationError as error:
        raise UnusableProject(f"{path} takes items by table, as {{'Stock': [{{'id': 'a'}}]}}: {error}") from None


def write_state(folder: Path, state: State) -> None:
    """With what each field is for."""
    lines = [
        _HEAD,
        f"vary: {_flow(state.vary)}",
        "",
        "# The time limit of every function here, and with it the life of a claim.",
        f"function_seconds: {state.function_seconds}",
        "",
        "# What one request may take, and dollars for a million of them. Both are held against counted operations, not",
        "# against the times of this machine.",
        f"latency_ms: {state.latency_ms:g}",
        f"cost: {state.cost:g}",
        "",
        "# For the template.",
        f"parameters: {_flow(state.parameters)}",
        "",
        "# Tables, and fields as Orders.updated_at, that may differ. Filled with what differed undisturbed.",
        f"ignore: {_flow(state.ignore)}",
        "",
        "# Nothing leaves this machine: what functions send by HTTP is answered here, with 200 and an id unless this",
        '# says otherwise, as {to: POST pay.example/charges, status: 402, body: \'{"error": "declined"}\'}.',
        f"answers: {_flow([msgspec.to_builtins(each) for each in state.answers])}",
        "",
        _MARKS,
        "operations:" if state.operations else "operations: []",
    ]
    for operation in state.operations:
        members = msgspec.to_builtins(operation)
        lines += [f"{'- ' if number == 0 else '  '}{name}: {_flow(value)}"
                  for number, (name, value) in enumerate(members.items())]  # fmt: skip
    (folder / STATE).write_text("\n".join(lines) + "\n", "utf-8")


def _flow(value: Any) -> str:
    """As JSON, which YAML takes."""
    return json.dumps(value, ensure_ascii=True)


_HEAD = """\
# What one undisturbed request did. Mark it, then: stepwell bench run THIS_FOLDER
#
# Values of event.json that are a request's own. Each request gets others, wherever they occur in the event; what is not
# named here is shared by all, as the article that all of them buy."""

_MARKS = """\
# Mark each operation:
#   effect        true where doing it twice is an anomaly by itself: a payment, a mail, a message
#   consistency   strong: a lost or doubled change matters; any: it does not, and is not counted
#   latency_ms    the most that one such call may take
#   cost          the most dollars that these calls may cost in a million requests"""
