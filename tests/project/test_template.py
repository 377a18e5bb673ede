"""Templates of many shapes to plans."""

import copy
import json
import os
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from stepwell.project.plan import ProjectError, Skipped

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:"
FLOW = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}

SAM = """\
Transform: AWS::Serverless-2016-10-31
Resources:
"""
FUNCTION = """\
  Charge:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      Runtime: python3.12
"""


def indented(text: str) -> str:
    return "".join(f"      {line}\n" for line in text.splitlines())


def with_function(project: Any, more: str = "", rest: str = "") -> Any:
    """A project with one function, `more` added to its properties and `rest` to the template."""
    project.write("src/app.py", "def handler(event, context): ...")
    project.write("template.yaml", SAM + FUNCTION + indented(more) + rest)
    return project


def test_the_smallest_function(project: Any) -> None:
    (function,) = with_function(project).plan().functions
    assert (function.logical_id, function.name, function.handler) == ("Charge", "Charge", "app.handler")
    assert (function.runtime, function.timeout_seconds, function.memory_mb) == ("python3.12", 3, 128)
    assert (function.source, function.layers, function.reserved_concurrency) == (project.folder / "src", (), None)
    assert function.arn == LAMBDA + "Charge"
    assert function.role == "arn:aws:iam::123456789012:role/ChargeRole"


@pytest.mark.parametrize(
    ("properties", "attribute", "expected"),
    [
        ("FunctionName: pay", "name", "pay"),
        ("FunctionName: !Sub ${AWS::StackName}-pay", "name", "shop-pay"),
        ("Timeout: 30", "timeout_seconds", 30),
        ("Timeout: '30'", "timeout_seconds", 30),
        ("MemorySize: 512", "memory_mb", 512),
        ("Description: Pays.", "description", "Pays."),
        ("ReservedConcurrentExecutions: 0", "reserved_concurrency", 0),
        ("Role: arn:aws:iam::1:role/x", "role", "arn:aws:iam::1:role/x"),
        ("Environment: {Variables: {A: b, N: 1, T: true}}", "environment", {"A": "b", "N": "1", "T": "true"}),
        ("Environment: {Variables: {A: !GetAtt Charge.Arn}}", "environment", {"A": LAMBDA + "Charge"}),
        ("Tags: {a: b}", "tags", {"a": "b", "lambda:createdBy": "SAM"}),
    ],
)
def test_function_properties(project: Any, properties: str, attribute: str, expected: Any) -> None:
    (function,) = with_function(project, properties).plan().functions
    assert getattr(function, attribute) == expected


def test_globals_and_parameters(project: Any) -> None:
    project.write("code/app.py")
    project.write(
        "template.yml",
        """\
        Transform: AWS::Serverless-2016-10-31
        Parameters:
          Stage: {Type: String, Default: dev}
        Globals:
          Function:
            Runtime: python3.13
            CodeUri: code/
            Timeout: 7
            Tracing: Active
            Environment: {Variables: {STAGE: !Ref Stage, A: global}}
        Resources:
          One:
            Type: AWS::Serverless::Function
            Properties: {Handler: app.one, Environment: {Variables: {A: own}}}
          Two:
            Type: AWS::Serverless::Function
            Properties: {Handler: app.two, Timeout: 9}
        """,
    )
    plan = project.plan(parameters={"Stage": "prod"})
    one, two = plan.functions
    assert one.environment == {"STAGE": "prod", "A": "own"}
    assert (one.timeout_seconds, two.timeout_seconds) == (7, 9)
    assert one.source == two.source == project.folder / "code"
    assert Skipped("Globals.Function", "Tracing", "X-Ray traces are not sent") in plan.skipped


def test_code_location_made_with_intrinsics(project: Any) -> None:
    project.write("src-dev/app.py")
    project.write(
        "template.yaml",
        """\
        Transform: AWS::Serverless-2016-10-31
        Parameters:
          Stage: {Type: String, Default: dev}
        Resources:
          Charge:
            Type: AWS::Serverless::Function
            Properties: {CodeUri: !Sub "src-${Stage}", Handler: app.h, Runtime: python3.12}
        """,
    )
    assert project.plan().functions[0].source == project.folder / "src-dev"


def test_zip_files_and_inline_code(project: Any) -> None:
    with zipfile.ZipFile(project.folder / "code.zip", "w") as archive:
        archive.writestr("app.py", "x")
    project.write(
        "template.yaml",
        """\
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Zipped:
            Type: AWS::Serverless::Function
            Properties: {CodeUri: code.zip, Handler: app.h, Runtime: python3.12}
          Inline:
            Type: AWS::Serverless::Function
            Properties: {InlineCode: "def h(e, c): return 1", Handler: index.h, Runtime: python3.12}
        """,
    )
    zipped, inline = project.plan().functions
    assert (zipped.source, zipped.inline_code) == (project.folder / "code.zip", None)
    assert (inline.source, inline.inline_code) == (None, "def h(e, c): return 1")


def test_layers_of_the_same_template(project: Any) -> None:
    project.write("layers/common/python/common.py")
    layer = """\
  Common:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layers/common/}
"""
    properties = "Layers: [!Ref Common, 'arn:aws:lambda:us-east-1:9:layer:other:3']"
    plan = with_function(project, properties, layer).plan()
    assert plan.functions[0].layers == (project.folder / "layers" / "common",)
    assert [skipped.type for skipped in plan.skipped] == ["Layers"]
    assert "layer:other:3" in plan.skipped[0].reason


@pytest.mark.parametrize(("age_seconds", "is_used"), [(-60, True), (60, False)])
def test_what_sam_build_made_is_used_when_newer(project: Any, age_seconds: int, is_used: bool) -> None:
    with_function(project)
    project.write(".aws-sam/build/Charge/app.py")
    project.write(".aws-sam/build/template.yaml")
    built = project.folder / ".aws-sam" / "build" / "Charge"
    now = (project.folder / "src" / "app.py").stat().st_mtime
    for mark in (built, built.parent / "template.yaml"):
        os.utime(mark, (now - age_seconds, now - age_seconds))
    plan = project.plan()
    assert plan.functions[0].source == (built if is_used else project.folder / "src")
    assert [skipped.type for skipped in plan.skipped] == ([] if is_used else [".aws-sam/build"])


def machine_template(properties: str, kind: str = "AWS::Serverless::StateMachine", rest: str = "") -> str:
    head = "" if kind.startswith("AWS::StepFunctions") else "Transform: AWS::Serverless-2016-10-31\n"
    return f"{head}Resources:\n  Orders:\n    Type: {kind}\n    Properties:\n{indented(properties)}{rest}"


PLAIN = "AWS::StepFunctions::StateMachine"
SERVERLESS = "AWS::Serverless::StateMachine"
MACHINES = {
    "inline SAM": (SERVERLESS, "Definition: {StartAt: A, States: {A: {Type: Pass, End: true}}}"),
    "SAM from JSON": (SERVERLESS, "DefinitionUri: flow.asl.json"),
    "SAM from YAML": (SERVERLESS, "DefinitionUri: flow.asl.yaml"),
    "CloudFormation text": (PLAIN, f"DefinitionString: '{json.dumps(FLOW)}'"),
    "CloudFormation Sub": (PLAIN, f"DefinitionString: !Sub '{json.dumps(FLOW)}'"),
    "CloudFormation object": (PLAIN, "Definition: {StartAt: A, States: {A: {Type: Pass, End: true}}}"),
    "CloudFormation path": (PLAIN, "DefinitionS3Location: flow.asl.json"),
    "CloudFormation Join": (
        PLAIN,
        """DefinitionString: !Join ["", ['{"StartAt": "A", "States": ', '{"A": {"Type": "Pass", "End": true}}}']]""",
    ),
}


@pytest.mark.parametrize("shape", MACHINES)
def test_definitions_of_all_shapes(project: Any, shape: str) -> None:
    kind, properties = MACHINES[shape]
    project.write("flow.asl.json", json.dumps(FLOW))
    project.write("flow.asl.yaml", "StartAt: A\nStates: {A: {Type: Pass, End: true}}\n")
    role = "" if kind == SERVERLESS else "\nRoleArn: arn:aws:iam::1:role/x"
    project.write("template.yaml", machine_template(properties + role, kind))
    (machine,) = project.plan().machines
    assert json.loads(machine.definition) == FLOW
    assert (machine.name, machine.type) == ("Orders", "STANDARD")
    assert machine.arn == "arn:aws:states:us-east-1:123456789012:stateMachine:Orders"


@pytest.mark.parametrize(
    ("properties", "attribute", "expected"),
    [
        ("Type: EXPRESS", "type", "EXPRESS"),
        ("Name: pay-orders", "name", "pay-orders"),
        ("Role: arn:aws:iam::1:role/x", "role", "arn:aws:iam::1:role/x"),
        ("Tags: {a: b}", "tags", {"a": "b", "stateMachine:createdBy": "SAM"}),
        (
            "Logging: {Level: ALL, IncludeExecutionData: true}",
            "logging",
            {"level": "ALL", "includeExecutionData": True},
        ),
        (
            "Logging: {Level: ALL, Destinations: [{CloudWatchLogsLogGroup: {LogGroupArn: a}}]}",
            "logging",
            {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "a"}}]},
        ),
    ],
)
def test_machine_properties(project: Any, properties: str, attribute: str, expected: Any) -> None:
    project.write("flow.asl.json", json.dumps(FLOW))
    project.write("template.yaml", machine_template(f"DefinitionUri: flow.asl.json\n{properties}"))
    assert getattr(project.plan().machines[0], attribute) == expected


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_substitutions_reach_files(project: Any, suffix: str) -> None:
    texts = {
        "json": '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "${Charge}", '
        '"TimeoutSeconds": ${Limit}, "Comment": "${Open} ${AWS::Region}", "End": true}}}',
        "yaml": "StartAt: A\nStates:\n  A:\n    Type: Task\n    Resource: ${Charge}\n    TimeoutSeconds: 5\n"
        "    Comment: ${Open} ${AWS::Region}\n    End: true\n",
    }
    project.write(f"flow.asl.{suffix}", texts[suffix])
    uses = f"DefinitionUri: flow.asl.{suffix}\nDefinitionSubstitutions: {{Charge: !GetAtt Charge.Arn, Limit: 5}}"
    with_function(project)
    project.write("template.yaml", machine_template(uses, rest=FUNCTION))
    state = json.loads(project.plan().machines[0].definition)["States"]["A"]
    assert state["Resource"] == LAMBDA + "Charge"
    assert state["TimeoutSeconds"] == 5
    assert state["Comment"] == "${Open} ${AWS::Region}"


def test_intrinsics_in_an_inline_definition(project: Any) -> None:
    with_function(project)
    flow = "Definition: {StartAt: A, States: {A: {Type: Task, Resource: !GetAtt Charge.Arn, End: true}}}"
    project.write("template.yaml", machine_template(flow, rest=FUNCTION))
    assert json.loads(project.plan().machines[0].definition)["States"]["A"]["Resource"] == LAMBDA + "Charge"


def test_json_templates_and_activities(project: Any) -> None:
    resources = {
        "Work": {"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": "work"}},
        "Orders": {
            "Type": PLAIN,
            "Properties": {
                "StateMachineName": "orders",
                "RoleArn": "arn:aws:iam::1:role/x",
                "DefinitionString": {
                    "Fn::Sub": '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "${Work}", "End": true}}}'
                },
                "Tags": [{"Key": "a", "Value": "b"}],
            },
        },
    }
    project.write("template.json", json.dumps({"Resources": resources}))
    plan = project.plan()
    assert [activity.arn for activity in plan.activities] == ["arn:aws:states:us-east-1:123456789012:activity:work"]
    assert plan.activities[0].arn in plan.machines[0].definition
    assert plan.machines[0].tags == {"a": "b"}


SKIPPED = """\
  Table:
    Type: AWS::DynamoDB::Table
  Rule:
    Type: AWS::Events::Rule
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: x}
  Nested:
    Type: AWS::Serverless::Application
    Properties: {Location: {ApplicationId: arn:aws:serverlessrepo:us-east-1:1:applications/x, SemanticVersion: 1.0.0}}
  Odd:
    Type: Custom::Thing
  Node:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src/, Handler: index.handler, Runtime: nodejs20.x}
  Image:
    Type: AWS::Serverless::Function
    Properties: {PackageType: Image, ImageUri: repo/image:1}
  Unused:
    Type: AWS::StepFunctions::Activity
    Condition: Never
Conditions:
  Never: !Equals [a, b]
"""


def test_everything_that_is_left_out_is_listed(project: Any) -> None:
    properties = """\
Policies: [AmazonDynamoDBFullAccess, {LambdaInvokePolicy: {FunctionName: x}}]
Events: {Get: {Type: Api, Properties: {Path: /, Method: get, RestApiId: !Ref Api}}}
VpcConfig: {SubnetIds: [a]}
AutoPublishAlias: live
Environment: {Variables: {TABLE: !Ref Table, STREAM: !GetAtt Table.StreamArn, ALIAS: !Ref Charge.Alias}}"""
    plan = with_function(project, properties, SKIPPED).plan()
    assert [function.name for function in plan.functions] == ["Charge"]
    expected = {"TABLE": "Table", "STREAM": "Table.StreamArn", "ALIAS": LAMBDA + "Charge"}
    assert plan.functions[0].environment == expected
    assert {(skipped.logical_id, skipped.type) for skipped in plan.skipped} == {
        ("Charge", "Policies"),
        ("Charge", "Events"),
        ("Charge", "VpcConfig"),
        ("Charge", "AutoPublishAlias"),
        ("Table", "AWS::DynamoDB::Table"),
        ("Table", "value"),
        ("Rule", "AWS::Events::Rule"),
        ("Api", "AWS::Serverless::Api"),
        ("Nested", "AWS::Serverless::Application"),
        ("Odd", "Custom::Thing"),
        ("Node", "AWS::Lambda::Function"),
        ("Image", "AWS::Lambda::Function"),
        ("Unused", "AWS::StepFunctions::Activity"),
    }
    assert all(skipped.reason for skipped in plan.skipped)


def test_auto_publish_alias_of_a_state_machine(project: Any) -> None:
    project.write(
        "template.yaml",
        SAM
        + f"""\
  Orders:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: orders
      Definition: {json.dumps(FLOW)}
      AutoPublishAlias: live
      DeploymentPreference: {{Type: CANARY, Percentage: 10, Interval: 5}}
""",
    )
    plan = project.plan()
    (version,), (alias,) = plan.versions, plan.aliases
    assert version.machine_arn == plan.machines[0].arn
    assert (alias.name, alias.arn) == ("live", version.machine_arn + ":live")
    assert alias.routes == ((version.machine_arn, 100),)
    assert [(skipped.logical_id, skipped.type) for skipped in plan.skipped] == [
        ("OrdersAliaslive", "DeploymentPreference")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("alias", "error"),
    [
        ("Name: live", "needs a StateMachineVersionArn in its RoutingConfiguration or DeploymentPreference"),
        ("RoutingConfiguration: [{StateMachineVersionArn: a, Weight: much}]", "an integer is needed, not 'much'"),
        ("DeploymentPreference: CANARY", "a mapping is needed, not a str"),
        ("DeploymentPreference: {StateMachineVersionArn: !Ref Nothing}", "Ref Nothing"),
    ],
)
def test_aliases_that_are_refused(project: Any, alias: str, error: str) -> None:
    resource = f"  Live: {{Type: AWS::StepFunctions::StateMachineAlias, Properties: {{{alias}}}}}\n"
    project.write("template.yaml", f"Resources:\n{resource}")
    text = project.error()
    assert error in text
    assert "Resources/Live" in text


@pytest.mark.parametrize(
    ("properties", "error"),
    [
        (
            "CodeUri: ../../etc",
            "template.yaml:7: CodeUri of Charge is ../../etc, which is outside the project's folder",
        ),
        ("CodeUri: /etc", "outside the project's folder"),
        ("CodeUri: nowhere", "CodeUri of Charge is nowhere, but"),
        ("CodeUri: s3://bucket/code.zip", "code in S3 cannot be read"),
        ("CodeUri: {Bucket: b, Key: k}", "code in S3 cannot be read"),
        ("CodeUri: template.yaml", "give a folder or a zip file"),
        ("CodeUri: [a]", "CodeUri must be a path"),
        ("CodeUri: !Ref Nobody", "Ref Nobody: the template has no parameter or resource of that name"),
        ("Handler: ''", "template.yaml:5: Resource with id [Charge] is invalid. Runtime and Handler needs to be"),
        ("Handler: !Ref AWS::NoValue", "Resources/Charge/Handler: a value is needed"),
        ("Timeout: soon", "template.yaml:7: Resources/Charge/Timeout: an integer is needed, not 'soon'"),
        ("Environment: {Variables: {A: [1]}}", "Resources/Charge/Environment: a text is needed, not a list"),
        ("Environment: {Variables: {A: !Ref Nobody}}", "Ref Nobody"),
        ("Environment: {Variables: {A: !GetAtt Nobody.Arn}}", "the template has no resource Nobody"),
        ("FunctionName: !Ref Charge", "the name of Charge depends on itself"),
    ],
)
def test_functions_that_are_refused(project: Any, properties: str, error: str) -> None:
    base = {"CodeUri": "src/", "Handler": "app.handler", "Runtime": "python3.12"}
    lines = [f"{name}: {value}" for name, value in base.items() if not properties.startswith(name)]
    project.write("src/app.py")
    head = f"{SAM}  Charge:\n    Type: AWS::Serverless::Function\n    Properties:\n"
    project.write("template.yaml", head + indented("\n".join([lines[0], properties, *lines[1:]])))
    assert error in project.error()


@pytest.mark.parametrize(
    ("properties", "error"),
    [
        ("DefinitionUri: ../outside.asl.json", "outside the project's folder"),
        ("DefinitionUri: missing.asl.json", "DefinitionUri of Orders is missing.asl.json, but"),
        ("DefinitionUri: link.asl.json", "outside the project's folder"),
        ("DefinitionUri: broken.asl.json", "broken.asl.json:1: is not JSON"),
        ("DefinitionUri: open.asl.json", "DefinitionSubstitutions or --parameter give no value for Limit"),
        ("DefinitionUri: list.asl.yaml", "a state machine definition is an object"),
        ("DefinitionUri: {Bucket: b, Key: k}", "the definition of Orders is in S3"),
        ("Type: STANDARD", "must be"),
        ("Definition: {}\nDefinitionUri: flow.asl.json", "DefinitionUri"),
    ],
)
def test_machines_that_are_refused(project: Any, properties: str, error: str) -> None:
    (project.folder.parent / "outside.asl.json").write_text("{}")
    (project.folder / "link.asl.json").symlink_to(project.folder.parent / "outside.asl.json")
    project.write("broken.asl.json", "{")
    project.write("open.asl.json", '{"StartAt": ${Limit}}')
    project.write("list.asl.yaml", "- a\n")
    project.write("template.yaml", machine_template(properties))
    assert error in project.error()


MALFORMED = {
    "Resources: {}": "it has no Resources",
    "Resources: [a]": "it has no Resources",
    "[]": "it has no Resources",
    "Resources:\n  A: 1": "template.yaml:2: Resources/A has no Type",
    "Resources:\n  A: {Type: [x]}": "Resources/A has no Type",
    "Resources:\n  A: {Type: x, Properties: 1}": "Resources/A/Properties is not a mapping",
    "Resources:\n  A: !Evil {Type: x}": "unknown tag !Evil",
    f"{SAM}  A: {{Type: AWS::Serverless::Function}}\nGlobals: 1": "Globals must be a mapping",
    f"{SAM}  A: {{Type: AWS::Serverless::Function}}\nParameters: 3": "Resource with id [A] is invalid",
    f"{SAM}  A-b: {{Type: AWS::Serverless::Function}}": "Resource with id [A-b] is invalid",
    f"{SAM}  A: {{Type: AWS::Serverless::Function, Properties: {{Handler: [x]}}}}": "Resource with id [A] is invalid",
    """
Resources:
  A: {Type: AWS::Lambda::Function, Properties: {Code: {ZipFile: x}, Handler: index.h}}
""": "template.yaml:3: Resources/A/Runtime: a value is needed",
    f"Resources:\n  A: {{Type: {PLAIN}}}": "A has no definition: set DefinitionUri or Definition",
    f"""
Resources:
  A: {{Type: {PLAIN}, Properties: {{DefinitionString: '[]'}}}}
""": "the definition of A: a state machine definition is an object",
    f"Resources:\n  A: {{Type: {PLAIN}, Properties: {{DefinitionString: {{x: 1}}}}}}": "a text is needed, not a dict",
    """
Resources:
  A: &a {Type: AWS::StepFunctions::Activity, Properties: {Name: n}}
  B: *a
""": "A and B both have the name n",
}


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: text[-40:])
def test_malformed_templates(project: Any, text: str) -> None:
    project.write("template.yaml", text)
    assert MALFORMED[text] in project.error()


def test_parameters_that_nobody_declared(project: Any) -> None:
    with_function(project)
    assert "the template has no parameter Stage; it has: none" in project.error(parameters={"Stage": "x"})


def test_a_chain_of_references_too_long_to_follow(project: Any) -> None:
    resources: dict[str, Any] = {"A0": {"Type": "AWS::StepFunctions::Activity"}}
    for number in range(1, 2000):
        properties = {"Name": {"Ref": f"A{number - 1}"}}
        resources[f"A{number}"] = {"Type": "AWS::StepFunctions::Activity", "Properties": properties}
    project.write("template.json", json.dumps({"Resources": dict(reversed(resources.items()))}))
    assert "refer to each other too deeply" in project.error()


WHOLE: dict[str, Any] = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Parameters": {"Stage": {"Type": "String", "Default": "dev", "AllowedValues": ["dev"]}},
    "Mappings": {"Sizes": {"dev": {"Memory": 128}}},
    "Conditions": {"IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]}},
    "Globals": {"Function": {"Runtime": "python3.12", "Environment": {"Variables": {"A": {"Ref": "Stage"}}}}},
    "Resources": {
        "Layer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "src"}},
        "Charge": {
            "Type": "AWS::Serverless::Function",
            "Condition": "IsDev",
            "Properties": {
                "CodeUri": "src",
                "Handler": "app.handler",
                "MemorySize": {"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Memory"]},
                "Layers": [{"Ref": "Layer"}],
                "AutoPublishAlias": "live",
                "Tags": {"a": "b"},
            },
        },
        "Orders": {
            "Type": "AWS::Serverless::StateMachine",
            "Properties": {
                "DefinitionUri": "flow.asl.json",
                "DefinitionSubstitutions": {"Charge": {"Fn::GetAtt": ["Charge", "Arn"]}},
                "Logging": {"Level": "ALL", "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": "a"}}]},
                "AutoPublishAlias": "live",
            },
        },
        "Stable": {
            "Type": "AWS::StepFunctions::StateMachineAlias",
            "Properties": {"RoutingConfiguration": [{"StateMachineVersionArn": {"Ref": "Orders"}, "Weight": 100}]},
        },
        "Plain": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"DefinitionString": {"Fn::Sub": json.dumps(FLOW)}, "Tags": [{"Key": "a", "Value": "b"}]},
        },
        "Work": {"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": {"Fn::Join": ["-", ["a", "b"]]}}},
    },
}
ODD: list[Any] = [None, True, 7, "x", "../..", [], [1], {}, {"x": 1}, {"Ref": "x"}, {"Fn::GetAtt": "x"}, {"Fn::If": 1}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_wrong_value_anywhere_is_a_plan_or_a_project_error(project: Any, odd: Any) -> None:
    project.write("src/app.py")
    project.write("flow.asl.json", json.dumps(FLOW))
    outcomes = set()
    for path in places(WHOLE):
        template = copy.deepcopy({"": WHOLE})
        holder: Any = template
        for key in ("", *path)[:-1]:
            holder = holder[key]
        holder[("", *path)[-1]] = odd
        project.write("template.json", json.dumps(template[""]))
        try:
            project.plan()
        except ProjectError as error:
            outcomes.add(str(error).startswith(str(project.folder)))
    assert outcomes == {True}
