"""Hypothesis strategies: definitions of all eight types in both languages, and what happens to their executions.

A definition is a line of states that only goes forward, so every execution ends. Each state that draws random values
puts them into variables of its own, named `uuid…` and `random…`.
"""

from typing import Any

from hypothesis import strategies as st

from .harness import ACTIVITY, FUNCTION

TOKEN = "arn:aws:states:::lambda:invoke.waitForTaskToken"
NESTED = "arn:aws:states:::states:startExecution.sync:2"
RESOURCES = (FUNCTION, "arn:aws:states:::lambda:invoke", ACTIVITY, TOKEN, NESTED)
ERRORS = ("States.ALL", "States.TaskFailed", "States.Timeout", "States.HeartbeatTimeout", "Oops", "States.BranchFailed")
DEPTH_MAX = 3

INPUTS: list[Any] = [
    {"items": [1, 2, 3], "n": 1},
    {"items": [], "n": 2, "text": " white  space "},
    {"items": [{"id": index} for index in range(7)], "n": 3, "big": "x" * 5_000},
]


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    maker = _Maker(draw, draw(st.booleans()))
    definition = maker.level(0)
    if maker.jsonata:
        definition["QueryLanguage"] = "JSONata"
    if draw(st.integers(0, 4)) == 0:
        definition["TimeoutSeconds"] = draw(st.integers(1, 60))
    return definition


@st.composite
def sound_definitions(draw: st.DrawFn) -> dict[str, Any]:
    """Definitions in which nothing but tasks and time can fail."""
    return _SoundMaker(draw, jsonata=False).level(0)


class _Maker:
    """Builds one definition; numbers its states, because names are unique in the whole of it."""

    def __init__(self, draw: st.DrawFn, jsonata: bool) -> None:
        self.draw = draw
        self.jsonata = jsonata
        self.count = 0

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def seldom(self) -> bool:
        return self.pick(False, False, False, True)

    def level(self, depth: int) -> dict[str, Any]:
        """A StartAt with its States; the last one is there for what is caught."""
        names = []
        for _ in range(self.draw(st.integers(2, 4 - depth // 2))):
            self.count += 1
            names.append(f"S{self.count}")
        states = {}
        for index, name in enumerate(names):
            later = names[index + 1 :]
            states[name] = self.state(name, later, depth) if later else self.last()
        return {"StartAt": names[0], "States": states}

    def last(self) -> dict[str, Any]:
        return self.pick(
            {"Type": "Pass", "End": True}, {"Type": "Succeed"}, {"Type": "Fail", "Error": "Oops", "Cause": "of course"}
        )  # fmt: skip

    def state(self, name: str, later: list[str], depth: int) -> dict[str, Any]:
        kinds = ["task", "task", "pass_", "wait", "choice"] + ["parallel", "map"] * (depth < DEPTH_MAX)
        state: dict[str, Any] = getattr(self, self.pick(*kinds))(later, depth)
        if state["Type"] != "Choice":
            state["Next"] = later[0]
        if self.pick(True, False):
            state |= self.assign(name)
        if state["Type"] in ("Task", "Parallel", "Map"):
            state |= self.errors(name, later)
        if not self.jsonata and self.seldom() and state["Type"] != "Fail":
            state["OutputPath"] = self.pick("$", None, "$.missing")
        return state

    def assign(self, name: str) -> dict[str, Any]:
        if self.jsonata:
            return {"Assign": {f"uuid{name}": "{% $uuid() %}", f"random{name}": "{% $random() %}"}}
        numbers = "States.MathRandom(0, 2000000000)"
        return {"Assign": {f"uuid{name}.$": "States.UUID()", f"random{name}.$": numbers}}

    def errors(self, name: str, later: list[str]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self.pick(True, False):
            fields["Retry"] = [self.retrier(error) for error in self.names()]
        if self.pick(True, False):
            fields["Catch"] = [self.catcher(name, error, later) for error in self.names()]
        return fields

    def names(self) -> list[str]:
        """One or two different errors; States.ALL only last."""
        chosen = self.draw(st.lists(st.sampled_from(ERRORS), min_size=1, max_size=2, unique=True))
        return sorted(chosen, key=lambda error: error == "States.ALL")

    def retrier(self, error: str) -> dict[str, Any]:
        return {
            "ErrorEquals": [error], "IntervalSeconds": self.pick(1, 3), "MaxAttempts": self.pick(0, 1, 2),
            "BackoffRate": self.pick(1.0, 2.5), "JitterStrategy": self.pick("NONE", "FULL"),
        }  # fmt: skip

    def catcher(self, name: str, error: str, later: list[str]) -> dict[str, Any]:
        catcher: dict[str, Any] = {"ErrorEquals": [error], "Next": self.pick(*later)}
        if self.seldom() and self.jsonata:
            catcher["Output"] = self.pick("{% $states.errorOutput %}", "{% $nothing %}")
        elif self.seldom():
            catcher["ResultPath"] = self.pick("$.error", None, "$.n.too.deep")
        if self.jsonata:
            catcher.pop("ResultPath", None)
        return catcher

    # --- one method per type

    def task(self, later: list[str], depth: int) -> dict[str, Any]:
        state: dict[str, Any] = {"Type": "Task", "Resource": self.pick(*RESOURCES)}
        if self.pick(True, False):
            state["TimeoutSeconds"] = self.pick(10, 20)
        if self.pick(True, False):
            state["HeartbeatSeconds"] = self.pick(2, 5)
        if self.jsonata:
            state["Arguments"] = {"id": "{% $uuid() %}"}
            if self.seldom():
                state["Output"] = self.pick("{% $states.result.n %}", "{% $states.input %}")
        elif self.seldom():
            state["ResultPath"] = self.pick("$.result", None, "$.n.too.deep")
        return state

    def wait(self, later: list[str], depth: int) -> dict[str, Any]:
        return {"Type": "Wait", "Seconds": self.pick(0, 1, 30)}

    def choice(self, later: list[str], depth: int) -> dict[str, Any]:
        target = self.pick(*later)
        if self.jsonata:
            rule = {"Condition": self.pick("{% $states.input = 1 %}", "{% true %}", "{% 1 %}"), "Next": target}
        else:
            rule = {"Variable": self.pick("$", "$.n"), self.pick("IsNumeric", "IsPresent"): True, "Next": target}
        # Without a Default the state after it must be reached by the rule.
        if target == later[0] and self.seldom():
            return {"Type": "Choice", "Choices": [rule]}
        return {"Type": "Choice", "Choices": [rule], "Default": later[0]}

    def parallel(self, later: list[str], depth: int) -> dict[str, Any]:
        branches = [self.level(depth + 1) for _ in range(self.draw(st.integers(1, 3)))]
        return {"Type": "Parallel", "Branches": branches}

    def map(self, later: list[str], depth: int) -> dict[str, Any]:
        state = {"Type": "Map", "ItemProcessor": self.level(depth + 1), "MaxConcurrency": self.pick(0, 1, 2)}
        if self.jsonata:
            state["Items"] = self.pick("{% $states.context.Execution.Input.items %}", [1, [2]], "{% 5 %}")
        else:
            state["ItemsPath"] = self.pick("$$.Execution.Input.items", "$$.Execution.Input.items", "$.items")
            if self.seldom():
                state["ItemSelector"] = {"id.$": "States.UUID()", "index.$": "$$.Map.Item.Index"}
        return state

    def pass_(self, later: list[str], depth: int) -> dict[str, Any]:
        state: dict[str, Any] = {"Type": "Pass"}
        if self.jsonata:
            state |= self.pick({}, {"Output": {"n": "{% $random() %}"}}, {"Output": "{% $missing %}"})
        else:
            state |= self.pick({}, {"Result": 5, "ResultPath": "$.five"}, {"Parameters": {"id.$": "States.UUID()"}})
        return state


class _SoundMaker(_Maker):
    def seldom(self) -> bool:
        return False

    def last(self) -> dict[str, Any]:
        return self.pick({"Type": "Pass", "End": True}, {"Type": "Succeed"})

    def errors(self, name: str, later: list[str]) -> dict[str, Any]:
        return {}

    def choice(self, later: list[str], depth: int) -> dict[str, Any]:
        rule = {"Variable": "$", "IsPresent": True, "Next": self.pick(*later)}
        return {"Type": "Choice", "Choices": [rule], "Default": later[0]}

    def map(self, later: list[str], depth: int) -> dict[str, Any]:
        return {**super().map(later, depth), "ItemsPath": "$$.Execution.Input.items"}

    def pass_(self, later: list[str], depth: int) -> dict[str, Any]:
        return {"Type": "Pass", "Parameters": {"id.$": "States.UUID()"}}


happenings = st.lists(st.integers(0, 9_999), min_size=5, max_size=40)
"""Numbers that choose, at each moment of a run, among what may happen then."""
