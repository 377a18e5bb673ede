"""An endpoint examined over AWS's protocol: read-only, within a time limit, and with what was left out said.

Definitions come first, then executions that are RUNNING, oldest first, then the latest of those that have ended, then
what functions log. What one call is refused is noted and the rest goes on; only an endpoint that is gone ends it.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from stepwell.commands.client import label_of_execution
from stepwell.doctor.costs import Consumption, check_repeats, check_story, check_type, cost_table
from stepwell.doctor.definitions import check_definition
from stepwell.doctor.findings import PROBLEM, Diagnosis, Finding, merged, moment
from stepwell.doctor.functions import Invocation, check_invocations, invocation_table, parse
from stepwell.doctor.story import Story
from stepwell.doctor.stuck import stuck

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far to look. `running` and `ended` are executions of one machine whose histories are read."""

    seconds: float = 60.0
    machines: int = 200
    listed: int = 10_000
    running: int = 50
    ended: int = 20
    functions: int = 100
    log_pages: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What to look at: machines by name or ARN (none named: all), ended executions and logs since a time, and
    executions that have waited for at least `stuck_after_seconds`."""

    machines: tuple[str, ...] = ()
    since: float
    stuck_after_seconds: float
    now: float
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True, slots=True)
class Clients:
    """botocore clients of one endpoint: for Step Functions, Lambda and CloudWatch Logs."""

    sfn: Any
    functions: Any
    logs: Any


@dataclass(frozen=True, slots=True)
class _Machine:
    name: str
    arn: str
    type: str
    definition: Mapping[str, Any]


Notify = Callable[[str], None]


def examine_endpoint(target: str, clients: Clients, scope: Scope, notify: Notify) -> Diagnosis:
    """What is wrong there. Raises botocore's `BotoCoreError` when nobody answers."""
    return _Examination(target, clients, scope, notify).run()


def _name(machine: _Machine) -> str:
    return machine.name


def _label(item: Mapping[str, Any]) -> str:
    return label_of_execution(item["executionArn"])


def _passed_limits(machine: str, item: Mapping[str, Any]) -> Iterator[Finding]:
    """What Stepwell has noted on an execution; AWS notes nothing."""
    for text in item.get("warnings", ()):
        yield Finding(
            "limit-passed", PROBLEM, machine, "a quota of AWS's was near or passed", (f"{_label(item)}: {text}",)
        )


class _Examination:
    def __init__(self, target: str, clients: Clients, scope: Scope, notify: Notify) -> None:
        self._clients = clients
        self._scope = scope
        self._bounds = scope.bounds
        self._notify = notify
        self._ends = time.monotonic() + scope.bounds.seconds
        self._seen: list[Finding] = []
        self._foreseen: list[Finding] = []
        self._read = 0
        self.diagnosis = Diagnosis(target)

    def run(self) -> Diagnosis:
        machines = self._machines()
        standard = [machine for machine in machines if machine.type == "STANDARD"]
        for machine in self._in_time(standard, "the running executions", _name):
            self._notify(f"running executions of {machine.name}")
            with self._noting(f"the running executions of {machine.name}"):
                self._examine_running(machine)
        used = []
        for machine in self._in_time(standard, "the ended executions", _name):
            self._notify(f"ended executions of {machine.name}")
            with self._noting(f"the ended executions of {machine.name}"):
                used.append(self._examine_ended(machine))
        self._note_express(machines)
        self._examine_functions()
        self.diagnosis.findings = merged(self._seen + self._foreseen)
        self.diagnosis.looked_at.insert(0, f"{len(machines):,} definitions, {self._read:,} histories")
        self._add_costs(used)
        return self.diagnosis

    def _left_out(self, text: str) -> None:
        self.diagnosis.not_looked_at.append(text)

    @contextmanager
    def _noting(self, what: str) -> Iterator[None]:
        """What the endpoint refuses, or what vanishes while it is looked at, is noted as not looked at."""
        try:
            yield
        except ClientError as error:
            content = error.response.get("Error", {})
            self._left_out(f"{what}: {content.get('Code')}: {content.get('Message')}")

    def _in_time(self, items: Iterable[Any], what: str, name: Callable[[Any], str]) -> Iterator[Any]:
        """The items as long as there is time; those that are left over are noted."""
        waiting = list(items)
        while waiting and time.monotonic() < self._ends:
            yield waiting.pop(0)
        if waiting:
            names = ", ".join(name(item) for item in waiting[:5]) + (" ..." if len(waiting) > 5 else "")
            self._left_out(f"{what}, {len(waiting):,} more, because the time was over: {names}")

    # Definitions

    def _machines(self) -> list[_Machine]:
        machines = []
        self._notify("definitions")
        for name, arn in self._in_time(self._listed_machines(), "the definitions", lambda each: str(each[0])):
            with self._noting(f"the state machine {name}"):
                described = self._clients.sfn.describe_state_machine(stateMachineArn=arn)
                definition = msgspec.json.decode(described["definition"])
                self._foreseen += check_definition(name, definition)
                machines.append(_Machine(name, arn, described["type"], definition))
        return machines

    def _listed_machines(self) -> list[tuple[str, str]]:
        pages = self._clients.sfn.get_paginator("list_state_machines").paginate()
        found = [(item["name"], item["stateMachineArn"]) for page in pages for item in page["stateMachines"]]
        if self._scope.machines:
            wanted = set(self._scope.machines)
            for name in sorted(wanted - {each for pair in found for each in pair}):
                self._left_out(f"the state machine {name}: there is none of this name or ARN")
            return [pair for pair in found if wanted & set(pair)]
        if len(found) > self._bounds.machines:
            left = len(found) - self._bounds.machines
            self._left_out(f"{left:,} more state machines: name those that matter, `stepwell doctor NAME ...`")
        return found[: self._bounds.machines]

    # Executions

    def _examine_running(self, machine: _Machine) -> None:
        now, after = self._scope.now, self._scope.stuck_after_seconds
        oldest, count = self._oldest_running(machine, now - after)
        if count > len(oldest):
            self._left_out(f"{count - len(oldest):,} of {count:,} executions of {machine.name} that run for long")
        for item in self._in_time(oldest, f"running executions of {machine.name}", _label):
            story = self._story(item["executionArn"])
            self._seen += check_story(machine.name, story)
            self._seen += check_repeats(machine.name, story)
            if story.flow.status == "RUNNING":
                self._seen += stuck(machine.name, story, self._definition_of(story), now, after)

    def _oldest_running(self, machine: _Machine, before: float) -> tuple[list[dict[str, Any]], int]:
        """The oldest of those that were started before a time, oldest first, and how many there are in all.

        They are listed latest first, so that the last ones of the last page are wanted.
        """
        oldest: deque[dict[str, Any]] = deque(maxlen=self._bounds.running)
        count = 0
        for page in self._pages(machine, statusFilter="RUNNING"):
            old = [item for item in page["executions"] if item["startDate"].timestamp() <= before]
            oldest.extend(old)
            count += len(old)
            if page.get("nextToken") and time.monotonic() > self._ends:
                self._left_out(f"the oldest running executions of {machine.name}, because the time was over")
                break
        return list(reversed(oldest)), count

    def _definition_of(self, story: Story) -> Mapping[str, Any]:
        """That of the revision which the execution was started with."""
        reply = self._clients.sfn.describe_state_machine_for_execution(executionArn=story.arn)
        definition: Mapping[str, Any] = msgspec.json.decode(reply["definition"])
        return definition

    def _examine_ended(self, machine: _Machine) -> Consumption:
        listed, whole = self._started_since(machine, self._scope.since)
        used = Consumption(machine.name, machine.type, len(listed))
        ended = [item for item in listed if item["status"] != "RUNNING"]
        if not whole:
            self._left_out(f"executions of {machine.name} before the latest {len(listed):,}")
        if len(ended) > self._bounds.ended:
            self._left_out(f"the histories of {len(ended) - self._bounds.ended:,} ended executions of {machine.name}")
        for item in self._in_time(ended[: self._bounds.ended], f"ended executions of {machine.name}", _label):
            story = self._story(item["executionArn"])
            used.add(story)
            self._seen += check_story(machine.name, story)
            self._seen += check_repeats(machine.name, story)
        self._seen += check_type(used, machine.definition)
        return used

    def _started_since(self, machine: _Machine, since: float) -> tuple[list[dict[str, Any]], bool]:
        """The executions that started since, latest first, and whether these are all."""
        found: list[dict[str, Any]] = []
        for page in self._pages(machine):
            recent = [item for item in page["executions"] if item["startDate"].timestamp() >= since]
            self._seen += [finding for item in recent for finding in _passed_limits(machine.name, item)]
            found += recent
            if len(recent) < len(page["executions"]):
                return found, True
            if len(found) >= self._bounds.listed and page.get("nextToken"):
                return found, False
        return found, True

    def _pages(self, machine: _Machine, **filter: str) -> Iterator[dict[str, Any]]:
        """Those of ListExecutions."""
        paginator = self._clients.sfn.get_paginator("list_executions")
        yield from paginator.paginate(stateMachineArn=machine.arn, PaginationConfig={"PageSize": PAGE}, **filter)

    def _story(self, arn: str) -> Story:
        story = Story(arn)
        pages = self._clients.sfn.get_paginator("get_execution_history").paginate(
            executionArn=arn, PaginationConfig={"PageSize": PAGE}
        )
        for page in pages:
            for event in page["events"]:
                story.add(event)
        self._read += 1
        return story

    def _note_express(self, machines: list[_Machine]) -> None:
        names = [machine.name for machine in machines if machine.type == "EXPRESS"]
        if names:
            self._left_out(f"executions of {', '.join(names)}: Express executions have no history")

    def _add_costs(self, used: list[Consumption]) -> None:
        read = sum(len(each.transitions) for each in used)
        basis = (
            f"Executions started since {moment(self._scope.since)}. Transitions (each state entered and each retry) and"
            f" bytes carried into states are the mean of {read:,} histories, at most {self._bounds.ended} of a machine."
        )
        if read:
            self.diagnosis.tables.insert(0, cost_table(used, basis))

    # Functions

    def _examine_functions(self) -> None:
        self._notify("invocations of functions")
        found = list(self._logged())
        self._seen += check_invocations(found)
        self.diagnosis.looked_at.append(f"{len(found):,} invocations in CloudWatch Logs")
        if found:
            basis = f"REPORT lines in CloudWatch Logs since {moment(self._scope.since)}."
            self.diagnosis.tables.append(invocation_table(found, basis))

    def _logged(self) -> Iterator[Invocation]:
        names: list[str] = []
        with self._noting("the list of functions"):
            pages = self._clients.functions.get_paginator("list_functions").paginate()
            names = [item["FunctionName"] for page in pages for item in page["Functions"]]
        if len(names) > self._bounds.functions:
            self._left_out(f"the logs of {len(names) - self._bounds.functions:,} more functions")
        for name in self._in_time(names[: self._bounds.functions], "the logs of functions", str):
            with self._noting(f"the log of the function {name}"):
                yield from self._logged_by(name)

    def _logged_by(self, name: str) -> Iterator[Invocation]:
        pages = self._clients.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{name}",
            startTime=int(self._scope.since * 1000),
            filterPattern='"REPORT RequestId"',
        )
        for number, page in enumerate(pages, start=1):
            for event in page["events"]:
                if found := parse(name, event["timestamp"] / 1000, event["message"]):
                    yield found
            if number == self._bounds.log_pages and page.get("nextToken"):
                self._left_out(f"the log of the function {name} beyond {number} pages")
                return
