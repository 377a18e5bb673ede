"""A compiled definition: what the machine runs.

State names are unique in a whole definition, branches and processors included, so a program is one flat table of
states and a thread of control is at a name. Every expression is a closure by now; what a state does not use is None.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from stepwell.asl.jsontext import Json
from stepwell.asl.scope import Evaluate, Scope

Assigned: TypeAlias = Mapping[str, Json]

Finish: TypeAlias = Callable[[Scope, Json], tuple[Json, Assigned]]
"""Takes the scope and the result of a state's work; gives the state's output and the variables that it assigns."""


@dataclass(slots=True, kw_only=True)
class Retrier:
    """One entry of Retry. Times in seconds."""

    errors: frozenset[str]
    interval_seconds: float
    max_attempts: int
    backoff_rate: float
    max_delay_seconds: float | None
    full_jitter: bool


@dataclass(slots=True, kw_only=True)
class Catcher:
    """One entry of Catch. `finish` takes the error output `{"Error": ..., "Cause": ...}` as the result."""

    errors: frozenset[str]
    next: str
    finish: Finish


@dataclass(slots=True, kw_only=True)
class State:
    """What all state types share. `next` is None where the state ends its thread of control.

    `reads` names the workflow variables that any expression of the state reads; `reads_context` says whether one
    reads the context object: what nobody reads is not built. `prepare` turns the input into what the state works on
    (InputPath and Parameters, or Arguments); None means that it is the input itself.
    """

    name: str
    type: str
    jsonata: bool
    next: str | None = None
    reads: frozenset[str] = frozenset()
    reads_context: bool = False
    prepare: Evaluate | None = None
    finish: Finish | None = None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()


@dataclass(slots=True, kw_only=True)
class PassState(State):
    """`result` is the literal of JSONPath's Result, in a tuple so that null can be one."""

    result: tuple[Json] | None = None


@dataclass(slots=True, kw_only=True)
class SucceedState(State):
    """Ends its thread of control with success."""


@dataclass(slots=True, kw_only=True)
class FailState(State):
    """`error` and `cause` give strings; None where the definition names none."""

    error: Evaluate | None = None
    cause: Evaluate | None = None


@dataclass(slots=True, kw_only=True)
class ChoiceRule:
    """One entry of Choices: `test` gives a bool."""

    test: Evaluate
    next: str
    finish: Finish


@dataclass(slots=True, kw_only=True)
class ChoiceState(State):
    """The first rule whose test holds is followed; without one, `default`."""

    rules: tuple[ChoiceRule, ...] = ()
    default: str | None = None


@dataclass(slots=True, kw_only=True)
class WaitState(State):
    """Exactly one is set: `seconds` gives a duration in seconds, `timestamp` gives epoch seconds."""

    seconds: Evaluate | None = None
    timestamp: Evaluate | None = None


@dataclass(slots=True, kw_only=True)
class Resource:
    """What a Task calls. `family` is the AWS event family: LambdaFunction, Activity or Task.

    `type` and `action` are AWS's resourceType and resource of a service integration, for `states:startExecution.sync:2`
    `states` and `startExecution.sync:2`; `pattern` is then `sync:2`, and "" for request-response.
    """

    arn: str
    family: str
    type: str = ""
    action: str = ""
    pattern: str = ""

    @property
    def waits_for_token(self) -> bool:
        return self.pattern == "waitForTaskToken"


@dataclass(slots=True, kw_only=True)
class TaskState(State):
    """`timeout_seconds` and `heartbeat_seconds` give integers; None where the definition sets none."""

    resource: Resource
    timeout_seconds: Evaluate | None = None
    heartbeat_seconds: Evaluate | None = None
    credentials: Evaluate | None = None


@dataclass(slots=True, kw_only=True)
class ParallelState(State):
    """`branches` are the names of the states at which the branches start."""

    branches: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Distributed:
    """What makes a Map distributed. `label` names it in ARNs; `express` says of which type its children are.

    `reader`, `batcher` and `writer` give ItemReader, ItemBatcher and ResultWriter with every value evaluated.
    """

    label: str
    express: bool
    reader: Evaluate | None = None
    batcher: Evaluate | None = None
    writer: Evaluate | None = None


@dataclass(slots=True, kw_only=True)
class MapState(State):
    """A Map. `items` gives a list; `item_selector` gives an iteration's input and sees Map.Item in the context.

    `max_concurrency` gives an integer, 0 for no limit of its own.
    """

    items: Evaluate
    processor: str
    item_selector: Evaluate | None = None
    max_concurrency: Evaluate | None = None
    tolerated_failure_count: Evaluate | None = None
    tolerated_failure_percentage: Evaluate | None = None
    distributed: Distributed | None = None


@dataclass(slots=True, kw_only=True)
class Program:
    """A compiled definition. `variable_references` is DescribeStateMachine's: state name to the variables it reads."""

    start_at: str
    states: dict[str, State]
    timeout_seconds: int | None = None
    query_language: str = "JSONPath"
    variable_references: dict[str, list[str]] = field(default_factory=dict)

    def processor(self, label: str) -> "Program":
        """What a child of the Distributed Map with this label runs. Raises KeyError where there is none."""
        start_at = self.labelled(label).processor
        return Program(start_at=start_at, states=self.states, query_language=self.query_language)

    def labelled(self, label: str) -> MapState:
        """The Distributed Map with this label. Raises KeyError where there is none."""
        for state in self.states.values():
            if isinstance(state, MapState) and state.distributed is not None and state.distributed.label == label:
                return state
        raise KeyError(label)
