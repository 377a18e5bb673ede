"""CloudFormation's functions, each case a value of one template."""

from typing import Any

import pytest

from stepwell.project.intrinsics import IntrinsicError, Resolver

TEMPLATE = {
    "Parameters": {
        "Stage": {"Type": "String", "Default": "dev", "AllowedValues": ["dev", "prod"]},
        "Count": {"Type": "Number", "Default": 3},
        "Zones": {"Type": "CommaDelimitedList", "Default": "a, b,c"},
        "Secret": {"Type": "String"},
        "Image": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/path"},
    },
    "Mappings": {"Sizes": {"dev": {"Memory": 128}, "prod": {"Memory": 512}}},
    "Conditions": {
        "IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
        "IsProd": {"Fn::Not": [{"Condition": "IsDev"}]},
        "Both": {"Fn::And": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
        "Either": {"Fn::Or": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
        "Three": {"Fn::Equals": [{"Ref": "Count"}, 3]},
        "Self": {"Fn::Not": [{"Condition": "Self"}]},
        "Broken": "x",
    },
    "Resources": {
        "Charge": {"Type": "AWS::Lambda::Function"},
        "Named": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": {"Fn::Sub": "${Stage}-charge"}}},
        "Live": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": "Named"}, "Name": "live"}},
        "Orders": {"Type": "AWS::StepFunctions::StateMachine"},
        "First": {
            "Type": "AWS::StepFunctions::StateMachineVersion",
            "Properties": {"StateMachineArn": {"Ref": "Orders"}},
        },
        "Canary": {
            "Type": "AWS::StepFunctions::StateMachineAlias",
            "Properties": {"Name": "canary", "RoutingConfiguration": [{"StateMachineVersionArn": {"Ref": "First"}}]},
        },
        "Stable": {
            "Type": "AWS::StepFunctions::StateMachineAlias",
            "Properties": {"DeploymentPreference": {"StateMachineVersionArn": {"Fn::Sub": "${Orders}:3"}}},
        },
        "Loose": {"Type": "AWS::StepFunctions::StateMachineAlias", "Properties": {"RoutingConfiguration": []}},
        f"Long{'g' * 70}B5A8A8C7": {"Type": "AWS::Lambda::Function"},
        "Work": {"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": "work"}},
        "Table": {"Type": "AWS::DynamoDB::Table"},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q"}},
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Role": {"Type": "AWS::IAM::Role"},
        "Narcissus": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": {"Ref": "Narcissus"}}},
        "Other": {"Type": "AWS::RDS::DBInstance"},
    },
}
LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:"

VALUES: list[tuple[Any, Any]] = [
    ("text", "text"),
    ({"Ref": "Stage"}, "dev"),
    ({"Ref": "Count"}, "3"),
    ({"Ref": "Zones"}, ["a", "b", "c"]),
    ({"Ref": "AWS::Region"}, "us-east-1"),
    ({"Ref": "AWS::AccountId"}, "123456789012"),
    ({"Ref": "AWS::Partition"}, "aws"),
    ({"Ref": "AWS::StackName"}, "shop"),
    ({"Ref": "Charge"}, "Charge"),
    ({"Ref": "Named"}, "dev-charge"),
    ({"Ref": f"Long{'g' * 70}B5A8A8C7"}, f"Long{'g' * 51}-B5A8A8C7"),
    ({"Fn::GetAtt": ["Charge", "Arn"]}, LAMBDA + "Charge"),
    ({"Fn::GetAtt": "Named.Arn"}, LAMBDA + "dev-charge"),
    ({"Ref": "Live"}, LAMBDA + "dev-charge"),
    ({"Ref": "Orders"}, "arn:aws:states:us-east-1:123456789012:stateMachine:Orders"),
    ({"Fn::GetAtt": ["Orders", "Arn"]}, "arn:aws:states:us-east-1:123456789012:stateMachine:Orders"),
    ({"Fn::GetAtt": ["Orders", "Name"]}, "Orders"),
    ({"Ref": "First"}, "arn:aws:states:us-east-1:123456789012:stateMachine:Orders"),
    ({"Ref": "Canary"}, "arn:aws:states:us-east-1:123456789012:stateMachine:Orders:canary"),
    ({"Fn::GetAtt": ["Stable", "Arn"]}, "arn:aws:states:us-east-1:123456789012:stateMachine:Orders:Stable"),
    ({"Ref": "Work"}, "arn:aws:states:us-east-1:123456789012:activity:work"),
    ({"Ref": "Table"}, "Table"),
    ({"Fn::GetAtt": ["Table", "Arn"]}, "arn:aws:dynamodb:us-east-1:123456789012:table/Table"),
    ({"Ref": "Queue"}, "https://sqs.us-east-1.amazonaws.com/123456789012/q"),
    ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:aws:sqs:us-east-1:123456789012:q"),
    ({"Fn::GetAtt": ["Queue", "QueueName"]}, "q"),
    ({"Ref": "Topic"}, "arn:aws:sns:us-east-1:123456789012:Topic"),
    ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::Bucket"),
    ({"Fn::GetAtt": ["Role", "Arn"]}, "arn:aws:iam::123456789012:role/Role"),
    ({"Fn::Sub": "${Stage}-${Charge}-${Charge.Arn}-${!Literal}"}, f"dev-Charge-{LAMBDA}Charge-${{Literal}}"),
    ({"Fn::Sub": ["${a}/${Stage}", {"a": {"Ref": "Count"}}]}, "3/dev"),
    ({"Fn::Join": [":", ["a", {"Ref": "Stage"}, {"Ref": "AWS::NoValue"}]]}, "a:dev"),
    ({"Fn::Join": ["", {"Ref": "Zones"}]}, "abc"),
    ({"Fn::Select": [1, {"Ref": "Zones"}]}, "b"),
    ({"Fn::Select": ["0", {"Fn::Split": ["-", "x-y"]}]}, "x"),
    ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Memory"]}, 128),
    ({"Fn::If": ["IsDev", "d", "p"]}, "d"),
    ({"Fn::If": ["IsProd", "p", {"Ref": "AWS::NoValue"}]}, None),
    ({"a": {"Fn::If": ["IsProd", 1, {"Ref": "AWS::NoValue"}]}, "b": 2}, {"b": 2}),
    ([{"Ref": "AWS::NoValue"}, 1], [1]),
    ({"Fn::Length": {"Ref": "Zones"}}, 3),
    ({"Fn::ToJsonString": {"a": {"Ref": "Stage"}}}, '{"a":"dev"}'),
    ({"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": {"StringEquals": {"a": "b"}}}),
]

ERRORS: list[tuple[Any, str]] = [
    ({"Ref": "Nothing"}, "Ref Nothing: the template has no parameter or resource of that name"),
    ({"Ref": ["x"]}, "Ref takes a name"),
    ({"Ref": "Secret"}, "parameter Secret has no value here: pass --parameter Secret=VALUE"),
    ({"Ref": "Image"}, "parameter Image has no value here"),
    ({"Ref": "Narcissus"}, "the name of Narcissus depends on itself"),
    ({"Ref": "Loose"}, "Loose needs a StateMachineVersionArn in its RoutingConfiguration or DeploymentPreference"),
    ({"Fn::GetAtt": ["Nothing", "Arn"]}, "the template has no resource Nothing"),
    ({"Fn::GetAtt": "Charge"}, "takes a logical id and an attribute"),
    ({"Fn::Sub": "${Nothing}"}, "Ref Nothing"),
    ({"Fn::Sub": 1}, "Fn::Sub takes a text"),
    ({"Fn::Join": ["-"]}, "Fn::Join takes a separator and a list"),
    ({"Fn::Join": ["-", "text"]}, "Fn::Join's second argument"),
    ({"Fn::Select": [3, {"Ref": "Zones"}]}, "the list has 3 items"),
    ({"Fn::Select": [-1, {"Ref": "Zones"}]}, "the list has 3 items"),
    ({"Fn::Split": ["", "x"]}, "separator that is not empty"),
    ({"Fn::FindInMap": ["Sizes", "test", "Memory"]}, "the Mappings have no test"),
    ({"Fn::If": ["Missing", 1, 2]}, "the condition Missing is not defined"),
    ({"Fn::If": ["Self", 1, 2]}, "the condition Self depends on itself"),
    ({"Fn::If": ["Broken", 1, 2]}, "a condition is needed"),
    ({"Fn::ForEach": ["a", [], {}]}, "Fn::ForEach is not supported"),
    ({"Fn::Transform": {"Name": "AWS::Include"}}, "Fn::Transform is not supported"),
    ({"Fn::Join": ["", ["x" * 600_000, "x" * 600_000]]}, "more than 1,048,576 characters"),
]


def resolver(parameters: dict[str, str] | None = None) -> Resolver:
    return Resolver(TEMPLATE, parameters or {}, "shop")


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=str)
def test_values(value: Any, expected: Any) -> None:
    assert resolver().resolve(value) == expected


@pytest.mark.parametrize(("value", "error"), ERRORS, ids=lambda item: str(item)[:60])
def test_errors(value: Any, error: str) -> None:
    with pytest.raises(IntrinsicError) as caught:
        resolver().resolve(value)
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "dev", "prod"),
    [("IsDev", True, False), ("IsProd", False, True), ("Both", False, False), ("Either", True, True)],
)
def test_conditions_follow_parameters(condition: str, dev: bool, prod: bool) -> None:
    assert resolver().holds(condition) is dev
    assert resolver({"Stage": "prod"}).holds(condition) is prod


def test_numbers_and_texts_are_equal_as_in_cloudformation() -> None:
    assert resolver().holds("Three")


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"Stag": "dev"}, "the template has no parameter Stag; it has: Count, Image, Secret, Stage, Zones"),
        ({"Stage": "test"}, "parameter Stage is test, but its AllowedValues are dev, prod"),
    ],
)
def test_parameters_that_are_refused(parameters: dict[str, str], error: str) -> None:
    with pytest.raises(IntrinsicError, match=error):
        resolver(parameters)


def test_what_only_a_stack_knows_is_named() -> None:
    values = resolver()
    assert values.resolve({"Fn::GetAtt": ["Other", "Endpoint.Address"]}) == "Other.Endpoint.Address"
    assert values.resolve({"Fn::ImportValue": "network"}) == "ImportValue:network"
    assert list(values.unknown) == ["Other.Endpoint.Address", "ImportValue:network"]


def test_names_made_of_names_cannot_fill_the_memory() -> None:
    resources: dict[str, Any] = {"F0": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "x" * 64}}}
    for number in range(1, 40):
        name = {"Fn::Sub": f"${{F{number - 1}}}${{F{number - 1}}}"}
        resources[f"F{number}"] = {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": name}}
    with pytest.raises(IntrinsicError, match="more than 1,048,576 characters"):
        Resolver({"Resources": resources}, {}, "shop").resolve({"Ref": "F39"})
