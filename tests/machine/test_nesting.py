"""Definitions and documents that are nested deeper than any stack: refused or failed, never a crash, never a wedge."""

import json

import pytest

from stepwell.asl.compile import check_definition, compile_definition
from stepwell.machine.decide import decide
from stepwell.machine.execution import FAILED, RUNNING, SUCCEEDED, Execution
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import BudgetRenewed, StartRequested, Stimulus


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def one_state(fields: str) -> str:
    return f'{{"StartAt": "A", "States": {{"A": {{"Type": "Pass", {fields}, "End": true}}}}}}'


@pytest.mark.parametrize(
    "definition",
    [
        one_state(f'"Parameters": {nested(900)}'),
        one_state(f'"QueryLanguage": "JSONata", "Output": {nested(900)}'),
        one_state(f'"Result": {nested(5000)}'),
        one_state(f'"InputPath": "${".a" * 2000}"'),
        one_state(f'"InputPath": "$[?({"(" * 900}@.a{")" * 900})]"'),
        one_state(f'"Parameters": {{"a.$": "{"States.Array(" * 900}1{")" * 900}"}}'),
        one_state(f'"QueryLanguage": "JSONata", "Output": "{{% {"(" * 5000}1{")" * 5000} %}}"'),
        json.dumps(
            {
                "StartAt": "A",
                "States": {
                    "A": {"Type": "Choice", "Choices": [{"Next": "B", "Not": "HERE"}], "Default": "B"},
                    "B": {"Type": "Succeed"},
                },
            }
        ).replace('"HERE"', '{"Not":' * 900 + '{"Variable": "$.x", "IsNull": true}' + "}" * 900),
    ],
)
def test_a_definition_too_deep_for_the_stack_is_refused_with_a_diagnostic(definition: str) -> None:
    findings = check_definition(definition)
    assert findings and all(finding.severity == "ERROR" and finding.message for finding in findings)


def start(input: str = "{}") -> StartRequested:
    return StartRequested(
        at=1.0, execution="arn", name="n", state_machine="sm", state_machine_name="m", revision="r", role="role",
        region="us-east-1", input=Payload.of_text(input), seed="ab" * 16,
    )  # fmt: skip


def run(definition: dict[str, object], request: StartRequested) -> Execution:
    program, execution = compile_definition(json.dumps(definition)), Execution()
    stimulus: Stimulus = request
    while execution.status == RUNNING:
        decide(program, execution, stimulus)
        stimulus = BudgetRenewed(at=1.0)
    return execution


def test_a_document_that_grows_a_level_every_round_fails_its_execution() -> None:
    states = {
        "Wrap": {"Type": "Pass", "Parameters": {"a.$": "$"}, "Next": "Again"},
        "Again": {
            "Type": "Choice",
            "Choices": [{"Variable": "$", "IsNull": True, "Next": "End"}],
            "Default": "Wrap",
        },
        "End": {"Type": "Succeed"},
    }
    execution = run({"StartAt": "Wrap", "States": states}, start())
    assert execution.status == FAILED
    assert execution.error == "States.Runtime"
    assert execution.cause is not None and "nested too deeply" in execution.cause


def test_a_deep_document_passes_through_untouched() -> None:
    text = nested(800)
    execution = run({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, start(text))
    assert execution.status == SUCCEEDED
    assert execution.output is not None and execution.output.text == text
