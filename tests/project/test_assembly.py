"""What `cdk synth` wrote, and what nobody should have written into it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from stepwell.project.discover import load_plan
from stepwell.project.plan import Skipped

CDK = Path(__file__).parents[1] / "data" / "cdk"
LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:"


STAGE = '{"artifacts": {"a": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "%s"}}}}'


def test_a_synthesized_app_is_taken_as_it_is() -> None:
    plan = load_plan(CDK / "cdk.out")
    charge, mail = plan.functions
    assert charge.source is not None and charge.source.name.startswith("asset.")
    assert (charge.source / "charge.py").read_bytes() == (CDK / "functions" / "charge.py").read_bytes()
    assert (charge.handler, charge.memory_mb, charge.timeout_seconds) == ("charge.handler", 256, 10)
    assert (charge.environment, charge.tags) == ({"CURRENCY": "EUR"}, {"team": "shop"})
    assert [(layer / "python" / "prices.py").is_file() for layer in charge.layers] == [True]
    assert mail.inline_code is not None and "mailed" in mail.inline_code
    orders, quotes = plan.machines
    assert json.loads(orders.definition)["States"]["Charge customer"]["Resource"] == charge.arn
    assert orders.logging is not None and orders.logging["level"] == "ALL"
    assert (quotes.name, quotes.type, quotes.tags) == ("cdk-quotes", "EXPRESS", {"team": "shop"})
    assert json.loads(quotes.definition)["States"]["Quote"]["Resource"] == LAMBDA + charge.name
    assert [(alias.name, alias.routes) for alias in plan.aliases] == [("live", ((orders.arn, 100),))]
    assert [activity.name for activity in plan.activities] == ["ShopApprovals09AAF426"]
    left_out = {item.type for item in plan.skipped}
    assert left_out == {"AWS::IAM::Role", "AWS::IAM::Policy", "AWS::Logs::LogGroup", "AWS::CDK::Metadata"}


def test_one_template_of_an_assembly() -> None:
    assert load_plan(CDK / "cdk.out" / "Shop.template.json") == load_plan(CDK / "cdk.out")


class Assembly:
    """An assembly of stacks, each with a function whose code is the asset `code.zip`."""

    def __init__(self, project: Any, *stacks: str, path: Any = "asset.code", bucket: str = "assets") -> None:
        project.write("cdk.out", "{}")
        project.write("asset.code/app.py", "def handler(event, context): ...")
        artifacts: dict[str, Any] = {"files": {"type": "cdk:asset-manifest", "properties": {"file": "files.json"}}}
        for stack in stacks:
            properties = {"templateFile": f"{stack}.template.json", "stackName": f"live-{stack}"}
            artifacts[stack] = {"type": "aws:cloudformation:stack", "properties": properties}
            project.write(f"{stack}.template.json", json.dumps(self.template()))
        destination = {"bucketName": f"{bucket}-${{AWS::AccountId}}", "objectKey": "code.zip"}
        files = {"1": {"source": {"path": path, "packaging": "zip"}, "destinations": {"here": destination}}}
        project.write("files.json", json.dumps({"files": files}))
        project.write("manifest.json", json.dumps({"artifacts": artifacts}))

    @staticmethod
    def template() -> dict[str, Any]:
        code = {"S3Bucket": {"Fn::Sub": "assets-${AWS::AccountId}"}, "S3Key": "code.zip"}
        properties = {"Handler": "app.handler", "Runtime": "python3.12", "Code": code}
        properties["FunctionName"] = {"Fn::Sub": "${AWS::StackName}-pay"}
        node = {"Handler": "index.handler", "Runtime": "nodejs22.x", "Code": code}
        kind = "AWS::Lambda::Function"
        return {"Resources": {"Pay": {"Type": kind, "Properties": properties}, "N": {"Type": kind, "Properties": node}}}


def test_the_stack_has_the_name_that_the_assembly_gives(project: Any) -> None:
    Assembly(project, "shop")
    (function,) = project.plan().functions
    assert (function.name, function.source) == ("live-shop-pay", project.folder / "asset.code")


def test_a_stage_has_its_assets_beside_it(project: Any) -> None:
    Assembly(project, path="../asset.code")
    (project.folder / "assembly-Prod").mkdir()
    for name in ("cdk.out", "manifest.json", "files.json"):
        (project.folder / name).rename(project.folder / "assembly-Prod" / name)
    stage = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod"}}
    project.write("manifest.json", json.dumps({"artifacts": {"Prod": stage}}))
    project.write("cdk.out", "{}")
    nested = json.loads((project.folder / "assembly-Prod" / "manifest.json").read_text())
    properties = {"templateFile": "shop.template.json", "stackName": "Prod-shop"}
    nested["artifacts"]["shop"] = {"type": "aws:cloudformation:stack", "properties": properties}
    project.write("assembly-Prod/manifest.json", json.dumps(nested))
    project.write("assembly-Prod/shop.template.json", json.dumps(Assembly.template()))
    plan = project.plan()
    assert plan == project.plan("assembly-Prod") == project.plan("assembly-Prod/shop.template.json")
    assert [(each.name, each.source) for each in plan.functions] == [
        ("Prod-shop-pay", project.folder / "asset.code")
    ]  # fmt: skip
    assert plan.folder == project.folder


def test_functions_that_are_not_python_are_listed(project: Any) -> None:
    Assembly(project, "shop")
    reason = "its runtime is nodejs22.x: only Python functions run"
    assert project.plan().skipped == (Skipped("N", "AWS::Lambda::Function", reason),)


def test_several_stacks_are_named(project: Any) -> None:
    Assembly(project, "shop", "desk")
    assert project.error().endswith("holds 2 stacks: name the template of one, shop.template.json, desk.template.json")
    assert project.plan("desk.template.json").functions[0].name == "live-desk-pay"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"path": "../elsewhere"}, "CodeUri of Pay is ../elsewhere, which is outside the project's folder"),
        ({"path": "/etc"}, "CodeUri of Pay is /etc, which is outside the project's folder"),
        ({"path": "asset.gone"}, "CodeUri of Pay is asset.gone, but"),
        ({"path": None}, "CodeUri of Pay is not a local path: code in S3 cannot be read"),
        ({"bucket": "others"}, "CodeUri of Pay is not a local path: code in S3 cannot be read"),
    ],
)
def test_assets_that_are_refused(project: Any, options: dict[str, Any], error: str) -> None:
    Assembly(project, "shop", **options)
    assert error in project.error()


@pytest.mark.parametrize(
    ("file", "text", "error"),
    [
        ("manifest.json", "{", "is not JSON"),
        ("manifest.json", "[]", "has neither template.yaml"),
        ("manifest.json", '{"artifacts": {"a": {"type": "aws:cloudformation:stack"}}}', "has no templateFile"),
        ("manifest.json", STAGE % "..", "directoryName is .., which is outside the project's folder"),
        ("manifest.json", STAGE % ".", "directoryName is the assembly itself"),
        ("files.json", '{"files": {"1": {"destinations": {"x": 1}}}}', "has no bucketName"),
    ],
)
def test_assemblies_that_are_broken(project: Any, file: str, text: str, error: str) -> None:
    Assembly(project, "shop")
    project.write(file, text)
    assert error in project.error()


def test_another_manifest_is_none(project: Any) -> None:
    project.write("manifest.json", "no assembly")
    project.write("template.json", json.dumps({"Resources": {"A": {"Type": "AWS::StepFunctions::Activity"}}}))
    assert project.plan().activities[0].name == "A"


def test_an_assembly_elsewhere_is_the_same(tmp_path: Path) -> None:
    copied = shutil.copytree(CDK / "cdk.out", tmp_path / "elsewhere")
    assert [machine.definition for machine in load_plan(copied).machines] == [
        machine.definition for machine in load_plan(CDK / "cdk.out").machines
    ]
