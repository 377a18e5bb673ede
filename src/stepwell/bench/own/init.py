"""`stepwell bench init`: runs a project undisturbed, writes down what it did to state, and makes prototypes of it."""

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from stepwell.bench.history import Op
from stepwell.bench.measures.latency_budget import Profile, load_profile, service
from stepwell.bench.own import oracle
from stepwell.bench.own.bed import Real, bed
from stepwell.bench.own.deliver import Deliveries
from stepwell.bench.own.drive import Drive, Undisturbed
from stepwell.bench.own.identity import address, pattern
from stepwell.bench.own.oracle import Reference
from stepwell.bench.own.prototypes import CLAIMS, scaffold
from stepwell.bench.own.state import (
    EVENT,
    SEED,
    Items,
    Operation,
    Prototype,
    State,
    read_json,
    read_seed,
    write_state,
)
from stepwell.bench.own.template import FUNCTIONS, MACHINES, Project, UnusableProject
from stepwell.bench.parts.workplace import workplace

Notify = Callable[[str, float], None]

_SECONDS = 20.0
"""About what it takes, for a person who waits."""

_OWN_NAME = re.compile(r"(^|[_\-])(id|key|number|reference|order)$|(Id|ID|Key|Number|Reference)$", re.IGNORECASE)
_DEFAULT_MS, _DEFAULT_DOLLARS = 10.0, 5.0
_EFFECTS = re.compile(r"(sns\.Publish|sesv?2?\.Send|sqs\.SendMessage|events\.PutEvents|lambda\.Invoke)")


def init(
    template: Path, folder: Path, notify: Notify, *, event: Path | None = None, start: str | None = None,
    vary: Sequence[str] = (), seed: Path | None = None, parameters: dict[str, str] | None = None,
) -> list[str]:  # fmt: skip
    """Makes `folder`, and gives notes for a person. `template` is a template or the folder of one.

    Without `event` the first of events/*.json beside the template is sent; without `start` the only state machine
    begins, or the only function; without `vary` the texts that look like an id are the request's own. Raises
    `UnusableProject` and `BackEndFailed`.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UnusableProject(f"{folder} is there and not empty: choose another folder, or remove it")
    project = Project.read(template)
    event = event or _first_event(project)
    text = json.dumps(read_json(event), ensure_ascii=False)
    begins = start or _only_start(project)
    _check_start(project, begins)
    own = list(vary) or list(_own_values(json.loads(text)))
    _check_vary(own, text, event)
    state = State(vary=own, parameters=parameters or {}, operations=[])
    items = read_seed(seed) if seed else {}
    drive, reference, names, unnamed = _undisturbed(
        project, state, items, Prototype(title="", start=begins), text, notify
    )
    operations = listed(drive.calm_ops, load_profile())
    changing = {names[op.step] for op in drive.calm_ops if op.step in names and op.kind in ("write", "emit")}
    # Only now, so that what was cut short leaves nothing behind.
    folder.mkdir(parents=True, exist_ok=True)
    notes = scaffold(project, begins, sorted(changing), folder)
    (folder / EVENT).write_text(text + "\n", "utf-8")
    (folder / SEED).write_text(json.dumps(items, indent=2) + "\n", "utf-8")
    ignore = [CLAIMS, *oracle.volatile_fields(reference, state)]
    write_state(folder, replace(state, ignore=ignore, operations=operations))
    return [*notes, *_remarks(operations, unnamed, reference.uncompared)]


def _undisturbed(
    project: Project, state: State, items: Items, prototype: Prototype, text: str, notify: Notify
) -> tuple[Drive, Reference, dict[str, str], list[str]]:
    """What undisturbed requests did, the logical ids of functions by name, and those that cannot be told apart."""
    notify("starting the back ends", _SECONDS)
    with workplace() as work, bed(work, state, items, Real()) as running:
        notify("deploying the project", _SECONDS * 0.8)
        running.deploy(project, "init")
        deliveries = Deliveries(running, prototype, text, 0)
        drive = Drive(running, project.folder.name, deliveries, random.Random(0), lambda phase: notify(phase, 5.0), 0)
        try:
            reference = drive.calm()
        except Undisturbed as error:
            raise UnusableProject(
                f"{error}\nIt has to work undisturbed: give what it needs by --event, --start, --vary, "
                "--seed-file or --parameter"
            ) from None
        return drive, reference, {name: logical for logical, name in running.names.items()}, drive.unnamed()


def listed(ops: Iterable[Op], profile: Profile) -> list[Operation]:
    """The operations of an undisturbed request, in the order in which they come first, with marks to start from."""
    kinds: dict[tuple[str, str, str], list[Op]] = defaultdict(list)
    for op in ops:
        if op.kind in ("read", "write", "emit") and op.step:
            key = address(op.key) if op.call.startswith("outside.") else pattern(op.key)
            kinds[op.step, op.call, key].append(op)
    return [_operation(*names, rows, profile) for names, rows in kinds.items()]


def _operation(function: str, call: str, key: str, ops: Sequence[Op], profile: Profile) -> Operation:
    first = ops[0]
    marks: dict[str, Any] = first.argument or {}
    requests = Counter(op.request for op in ops)
    return Operation(
        function=function, call=call, key=key, access=first.kind, conditional=bool(marks.get("conditional")),  # type: ignore[arg-type]
        count=max(requests.values()), at=str(marks.get("at", "")),
        effect=first.kind == "emit" or bool(_EFFECTS.match(call)),
        latency_ms=profile.milliseconds.get(service(first), _DEFAULT_MS) * 2, cost=_DEFAULT_DOLLARS,
    )  # fmt: skip


def _remarks(operations: Sequence[Operation], unnamed: Sequence[str], uncompared: Sequence[str]) -> list[str]:
    notes = [f"{each}: changes by no constant amount, so that nothing can be said of it" for each in uncompared]
    if not operations:
        notes.append("no call of boto3, Redis or HTTP was seen: there is no state to measure")
    return notes + [
        f"{name} gets none of the values in `vary`: whose calls it makes cannot be told, and they are not in the list"
        for name in unnamed
    ]


def _first_event(project: Project) -> Path:
    found = sorted((project.folder / "events").glob("*.json"))
    if not found:
        raise UnusableProject(f"{project.folder} has no events/*.json: give what the work begins with by --event FILE")
    return found[0]


def _only_start(project: Project) -> str:
    machines, functions = project.of_type(*MACHINES), project.of_type(*FUNCTIONS)
    if len(machines) == 1:
        return machines[0]
    if not machines and len(functions) == 1:
        return functions[0]
    names = ", ".join(machines or functions) or "none"
    raise UnusableProject(f"it is not clear what begins the work: give it by --start, of {names}")


def _check_start(project: Project, start: str) -> None:
    if start not in project.of_type(*MACHINES, *FUNCTIONS):
        raise UnusableProject(
            f"--start {start}: {project.path} has no such function or state machine without a Condition"
        )


def _own_values(value: Any, name: str = "") -> Iterator[str]:
    """The texts of an event that look like the id of a request: of the outermost level that has one."""
    members = value.items() if isinstance(value, dict) else ()
    found = [each for key, each in members if isinstance(each, str) and len(each) > 2 and _OWN_NAME.search(key)]
    if found:
        yield found[0]
        return
    for key, each in members:
        if isinstance(each, str) and each.startswith("{"):
            try:
                each = json.loads(each)
            except ValueError:
                continue
        yield from _own_values(each, key)


def _check_vary(own: Sequence[str], text: str, event: Path) -> None:
    if not own:
        raise UnusableProject(f"{event} has no value that looks like an id: name the request's own by --vary VALUE")
    if missing := [value for value in own if value not in text]:
        raise UnusableProject(f"{event} does not have {', '.join(missing)}: --vary takes texts that stand in it")
