"""The state machines before and after each change. What is changed is changed here; the tasks are the benchmark's."""

from stepwell.bench.load.machines import Definition, workload_machine

LIMIT = 1000

_OF_AN_ORDER = ("run", "flow", "workload", "strategy", "request", "seed", "fault")


def order(function_arn: str, *, keyed: bool) -> Definition:
    """Charge, reserve, confirm."""
    return _with_flow(workload_machine(function_arn, ("charge", "reserve", "confirm"), keyed=keyed))


def branch(function_arn: str, *, keyed: bool) -> Definition:
    """Orders above the limit are reviewed before they are charged."""
    definition = workload_machine(function_arn, ("review", "charge", "reserve", "confirm"), keyed=keyed)
    above = {"Variable": "$.state.amount", "NumericGreaterThan": LIMIT, "Next": "review"}
    limit = {"Type": "Choice", "Choices": [above], "Default": "charge"}
    return _with_flow({"StartAt": "limit", "States": {"limit": limit, **definition["States"]}})


def fan_out(function_arn: str, *, keyed: bool) -> Definition:
    """A Map over the lines, each of which is a task with the protection that the one reservation has."""
    definition = workload_machine(function_arn, ("charge", "lines", "confirm"), keyed=keyed)
    line = workload_machine(function_arn, ("reserve-line",), keyed=keyed)
    line["States"]["reserve-line"]["OutputPath"] = "$.state"
    if keyed:
        # All iterations are in a state of one name: without the line they would have one key.
        key = "States.Format('{}/{}/{}', $$.Execution.Name, $$.State.Name, $.state.record)"
        line["States"]["reserve-line"]["Parameters"]["key.$"] = key
    order = {f"{name}.$": f"$.{name}" for name in _OF_AN_ORDER}
    definition["States"]["lines"] = {
        "Type": "Map", "ItemsPath": "$.state.lines",
        "ItemSelector": order | {"state": {"record.$": "$$.Map.Item.Value"}},
        "ItemProcessor": _with_flow(line) | {"ProcessorConfig": {"Mode": "INLINE"}},
        "ResultPath": "$.state.reserved", "Next": "confirm",
    }  # fmt: skip
    return _with_flow(definition)


def _with_flow(definition: Definition) -> Definition:
    """With the flow passed on to each task's function."""
    for state in definition["States"].values():
        if state["Type"] == "Task":
            state["Parameters"]["flow.$"] = "$.flow"
    return definition
