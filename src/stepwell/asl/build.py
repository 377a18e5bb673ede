"""One builder per state type: the fields of a state become the closures of a compiled `State`."""

from collections.abc import Callable, Mapping
from typing import Any

from stepwell.asl.dataflow import (
    compile_catch_finish,
    compile_finish,
    compile_prepare,
    compile_rule_finish,
    read,
)
from stepwell.asl.distributed import compile_distributed
from stepwell.asl.errors import ALL, QUERY_EVALUATION_ERROR, RUNTIME, StatesError
from stepwell.asl.fields import (
    SECONDS_MAX,
    compile_fail_text,
    compile_integer,
    compile_percentage,
    compile_wait_seconds,
    compile_wait_timestamp,
    constant,
    is_integer,
)
from stepwell.asl.jsonata import expect, is_jsonata
from stepwell.asl.jsontext import Json, encode
from stepwell.asl.mapfields import check_map, is_distributed
from stepwell.asl.program import (
    Catcher,
    ChoiceRule,
    ChoiceState,
    FailState,
    MapState,
    ParallelState,
    PassState,
    Retrier,
    State,
    SucceedState,
    TaskState,
    WaitState,
)
from stepwell.asl.resources import express_objection, parse_resource
from stepwell.asl.schema import CATCHER_FIELDS, RETRIER_FIELDS, RULE_FIELDS, Findings
from stepwell.asl.scope import Evaluate, Scope
from stepwell.asl.site import Site

Fields = Mapping[str, Json]


def _common(site: Site, state: Fields, template_field: str | None) -> dict[str, Any]:
    """The arguments that all types share."""
    return {
        "name": site.name,
        "type": state["Type"],
        "jsonata": site.jsonata,
        "next": state.get("Next"),
        "prepare": compile_prepare(site, state, template_field),
        "finish": compile_finish(site, state),
        "retry": _retriers(site, state.get("Retry", [])),
        "catch": _catchers(site, state.get("Catch", [])),
    }


def build_pass(site: Site, state: Fields, express: bool) -> State:
    result = (state["Result"],) if "Result" in state else None
    return PassState(**_common(site, state, None if site.jsonata else "Parameters"), result=result)


def build_succeed(site: Site, state: Fields, express: bool) -> State:
    return SucceedState(**_common(site, state, None))


def build_fail(site: Site, state: Fields, express: bool) -> State:
    error, cause = (compile_fail_text(site, state, field) for field in ("Error", "Cause"))
    return FailState(name=site.name, type="Fail", jsonata=site.jsonata, error=error, cause=cause)


def build_wait(site: Site, state: Fields, express: bool) -> State:
    common = _common(site, state, None)
    if "Timestamp" in state or "TimestampPath" in state:
        return WaitState(**common, timestamp=compile_wait_timestamp(site, state))
    return WaitState(**common, seconds=compile_wait_seconds(site, state))


# --- Choice


def build_choice(site: Site, state: Fields, express: bool) -> State | None:
    findings = Findings(site.location, site.diagnostics)
    if not findings.required(state, "Choices") or not findings.expect(state["Choices"], list, "Array", "Choices"):
        return None
    if not state["Choices"]:
        site.problem("Array must have at least one element", "Choices")
    common = _common(site, state, None)
    rules = [_choice_rule(site, state, rule, f"Choices[{i}]") for i, rule in enumerate(state["Choices"])]
    default = state.get("Default")
    if default is not None:
        findings.expect(default, str, "String", "Default")
    return ChoiceState(**common, rules=tuple(rule for rule in rules if rule is not None), default=default)


def _choice_rule(site: Site, state: Fields, rule: Json, at: str) -> ChoiceRule | None:
    if not isinstance(rule, dict):
        site.problem("Expected value of type Object", at)
        return None
    if not isinstance(rule.get("Next"), str):
        site.problem("The field 'Next' is required but was missing", at)
        return None
    test = _choice_test(site, rule, at)
    finish = compile_rule_finish(site, state, rule, f"{at}/")
    return None if test is None else ChoiceRule(test=test, next=rule["Next"], finish=finish)


def _choice_test(site: Site, rule: Fields, at: str) -> Evaluate | None:
    if not site.jsonata:
        return site.rule(rule, at)
    findings = Findings(f"{site.location}/{at}", site.diagnostics)
    findings.only(rule, RULE_FIELDS)
    if not findings.required(rule, "Condition"):
        return None
    return site.condition(rule["Condition"], f"{at}/Condition")


# --- Task


def build_task(site: Site, state: Fields, express: bool) -> State | None:
    findings = Findings(site.location, site.diagnostics)
    if not findings.required(state, "Resource"):
        return None
    arn = state["Resource"]
    resource = parse_resource(arn) if isinstance(arn, str) else None
    if resource is None:
        site.problem("Value is not a valid resource ARN", "Resource")
        return None
    objection = express_objection(resource) if express else None
    if objection is not None:
        site.problem(objection, "Resource")
    timeout, heartbeat = state.get("TimeoutSeconds"), state.get("HeartbeatSeconds")
    if is_integer(timeout) and is_integer(heartbeat) and heartbeat >= timeout:
        site.problem("HeartbeatSeconds must be smaller than TimeoutSeconds", "HeartbeatSeconds")
    return TaskState(
        **_common(site, state, "Arguments" if site.jsonata else "Parameters"),
        resource=resource,
        timeout_seconds=compile_integer(site, state, "TimeoutSeconds", minimum=1),
        heartbeat_seconds=compile_integer(site, state, "HeartbeatSeconds", minimum=1),
        credentials=_credentials(site, state),
    )


def _credentials(site: Site, state: Fields) -> Evaluate | None:
    """Credentials as the JSON text that history events show: {"roleArn": ...}."""
    if "Credentials" not in state:
        return None
    credentials = state["Credentials"]
    if not isinstance(credentials, dict) or not {"RoleArn", "RoleArn.$"} & credentials.keys():
        site.problem("The field 'RoleArn' is required but was missing", "Credentials")
        return None
    made = site.template(credentials, "Credentials")
    return None if made is None else lambda scope: str(made(scope)["RoleArn"])


# --- Parallel and Map


def build_parallel(site: Site, state: Fields, express: bool) -> State | None:
    findings = Findings(site.location, site.diagnostics)
    if not findings.required(state, "Branches") or not findings.expect(state["Branches"], list, "Array", "Branches"):
        return None
    if not state["Branches"]:
        site.problem("Array must have at least one element", "Branches")
    for index, branch in enumerate(state["Branches"]):
        findings.expect(branch, dict, "Object", f"Branches[{index}]")
    starts = [branch.get("StartAt") for branch in state["Branches"] if isinstance(branch, dict)]
    return ParallelState(
        **_common(site, state, "Arguments" if site.jsonata else "Parameters"),
        branches=tuple(start for start in starts if isinstance(start, str)),
    )


def build_map(site: Site, state: Fields, express: bool) -> State | None:
    check_map(state, site.jsonata, Findings(site.location, site.diagnostics))
    processor = _processor(site, state)
    if processor is None:
        return None
    distributed = is_distributed(processor)
    if distributed and express:
        site.problem("Express state machine does not support Distributed Map", "ItemProcessor/ProcessorConfig/Mode")
    common = _common(site, state, None)
    selector_field = "ItemSelector" if "ItemSelector" in state or site.jsonata else "Parameters"
    selector = site.template(state[selector_field], selector_field) if selector_field in state else None
    items = _items_jsonata(site, state) if site.jsonata else _items_path(site, state, common["prepare"])
    return MapState(
        **common,
        items=items or constant([]),
        processor=str(processor.get("StartAt")),
        item_selector=selector,
        max_concurrency=compile_integer(site, state, "MaxConcurrency"),
        tolerated_failure_count=compile_integer(site, state, "ToleratedFailureCount"),
        tolerated_failure_percentage=compile_percentage(site, state, "ToleratedFailurePercentage"),
        distributed=compile_distributed(site, state, processor) if distributed else None,
    )


def _processor(site: Site, state: Fields) -> Fields | None:
    found = state.get("ItemProcessor", state.get("Iterator"))
    if isinstance(found, dict):
        return found
    site.problem("The field 'ItemProcessor' is required but was missing")
    return None


def _items_path(site: Site, state: Fields, prepare: Evaluate | None) -> Evaluate | None:
    """ItemsPath, on the input after InputPath."""
    reference = site.reference(state.get("ItemsPath", "$"), "ItemsPath")
    if reference is None:
        return None
    path = reference
    # AWS shows a path into the context object by its second dollar sign. Recorded on AWS.
    shown = path.text[1:] if path.reads_context else path.text

    def items(scope: Scope) -> Json:
        found = read(path, scope if prepare is None else scope.narrowed(prepare(scope)))
        if not isinstance(found, list):
            raise StatesError(RUNTIME, f'Reference path "{shown}" must point to array.')
        return found

    return site.watched("ItemsPath", items, items)


def _items_jsonata(site: Site, state: Fields) -> Evaluate | None:
    if "Items" not in state:
        return _items_of_input
    value = state["Items"]
    if not is_jsonata(value):
        if isinstance(value, list):
            return site.template(value, "Items")
        site.problem("Value must be an array or a JSONata expression", "Items")
        return None
    expression = site.expression(value, "Items")
    return None if expression is None else lambda scope: expect(expression, expression.evaluate(scope), "array")


def _items_of_input(scope: Scope) -> Json:
    if isinstance(scope.input, list):
        return scope.input
    cause = f"Map state input must be an array but was: {encode(scope.input)}"
    raise StatesError(QUERY_EVALUATION_ERROR, cause)


# --- Retry and Catch


def _entries(site: Site, value: Json, field: str) -> list[tuple[int, Fields]]:
    """The entries of Retry or Catch that are sound enough to compile."""
    if not isinstance(value, list):
        site.problem("Expected value of type Array", field)
        return []
    found: list[tuple[int, Fields]] = []
    for index, entry in enumerate(value):
        if isinstance(entry, dict) and _error_names(site, entry, f"{field}[{index}]", index == len(value) - 1):
            found.append((index, entry))
        elif not isinstance(entry, dict):
            site.problem("Expected value of type Object", f"{field}[{index}]")
    return found


def _error_names(site: Site, entry: Fields, at: str, last: bool) -> bool:
    names = entry.get("ErrorEquals")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        site.problem("The field 'ErrorEquals' must be a non-empty array of strings", f"{at}/ErrorEquals")
        return False
    if ALL in names and (len(names) > 1 or not last):
        site.problem(f"{ALL} must appear alone and in the last entry", f"{at}/ErrorEquals")
        return False
    return True


def _retriers(site: Site, value: Json) -> tuple[Retrier, ...]:
    return tuple(_retrier(site, entry, f"Retry[{index}]") for index, entry in _entries(site, value, "Retry"))


def _retrier(site: Site, entry: Fields, at: str) -> Retrier:
    findings = Findings(f"{site.location}/{at}", site.diagnostics)
    findings.only(entry, RETRIER_FIELDS)
    jitter = entry.get("JitterStrategy", "NONE")
    findings.one_of(jitter, ("NONE", "FULL"), "JitterStrategy")
    backoff = entry.get("BackoffRate", 2.0)
    if isinstance(backoff, bool) or not isinstance(backoff, int | float) or backoff < 1:
        findings.problem("Value must be a number of at least 1.0", "BackoffRate")
        backoff = 1.0
    return Retrier(
        errors=frozenset(entry["ErrorEquals"]),
        interval_seconds=_bounded(findings, entry, "IntervalSeconds", 1, SECONDS_MAX, 1),
        max_attempts=_bounded(findings, entry, "MaxAttempts", 0, SECONDS_MAX, 3),
        backoff_rate=float(backoff),
        max_delay_seconds=_bounded(findings, entry, "MaxDelaySeconds", 1, 31_622_400, 0) or None,
        full_jitter=jitter == "FULL",
    )


def _bounded(findings: Findings, entry: Fields, field: str, minimum: int, maximum: int, default: int) -> int:
    if field not in entry:
        return default
    value = entry[field]
    return int(value) if findings.integer(value, minimum, maximum, field) else default


def _catchers(site: Site, value: Json) -> tuple[Catcher, ...]:
    found = [_catcher(site, entry, f"Catch[{index}]") for index, entry in _entries(site, value, "Catch")]
    return tuple(catcher for catcher in found if catcher is not None)


def _catcher(site: Site, entry: Fields, at: str) -> Catcher | None:
    findings = Findings(f"{site.location}/{at}", site.diagnostics)
    findings.only(entry, CATCHER_FIELDS[site.jsonata])
    if not findings.required(entry, "Next") or not findings.expect(entry["Next"], str, "String", "Next"):
        return None
    finish = compile_catch_finish(site, entry, f"{at}/")
    return Catcher(errors=frozenset(entry["ErrorEquals"]), next=entry["Next"], finish=finish)


BUILDERS: Mapping[str, Callable[[Site, Fields, bool], State | None]] = {
    "Pass": build_pass,
    "Succeed": build_succeed,
    "Fail": build_fail,
    "Choice": build_choice,
    "Wait": build_wait,
    "Task": build_task,
    "Parallel": build_parallel,
    "Map": build_map,
}
