"""Every shape of ARN, and what is none."""

import pytest

from stepwell.awsmodels.errors import ServiceError
from stepwell.engine import arns
from stepwell.engine.arns import (
    ACTIVITY,
    EXECUTION,
    EXPRESS,
    MAP_RUN,
    STATE_MACHINE,
    InvalidArn,
    check_name,
    check_role,
    parse_arn,
)

P = "arn:aws:states:eu-west-1:123456789012"
ALL = (STATE_MACHINE, EXECUTION, EXPRESS, MAP_RUN, ACTIVITY)

SHAPES = [
    ("stateMachine:m", ("m", None, None, None, None)),
    ("stateMachine:m:12", ("m", None, "12", None, None)),
    ("stateMachine:m:live", ("m", None, "live", None, None)),
    ("stateMachine:m/label", ("m", "label", None, None, None)),
    ("execution:m:e", ("m", None, None, "e", None)),
    ("execution:m/label:e", ("m", "label", None, "e", None)),
    ("express:m:e:u", ("m", None, None, "e", "u")),
    ("express:m/label:e:u", ("m", "label", None, "e", "u")),
    ("mapRun:m/label:e", ("m", "label", None, "e", None)),
    ("activity:a", ("a", None, None, None, None)),
    ("activity:größe.1-x_y!'()+=@", ("größe.1-x_y!'()+=@", None, None, None, None)),
]


@pytest.mark.parametrize(("resource", "expected"), SHAPES)
def test_shapes(resource: str, expected: tuple[str | None, ...]) -> None:
    arn = parse_arn(f"{P}:{resource}", *ALL)
    assert (arn.name, arn.label, arn.qualifier, arn.execution, arn.uid) == expected
    assert (arn.account, arn.region, arn.kind) == ("123456789012", "eu-west-1", resource.split(":")[0])


@pytest.mark.parametrize("text", ["", "x", "not_an_arn", "arn", "ARN:aws:states", "http://arn:aws", "stateMachine:m"])
def test_no_prefix(text: str) -> None:
    with pytest.raises(InvalidArn) as caught:
        parse_arn(text, *ALL)
    assert (caught.value.code, caught.value.message) == ("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {text}'")


@pytest.mark.parametrize(
    "text",
    [
        "arn:", "arn:aws", "arn:aws:states:eu-west-1:123456789012", f"{P}:", f"{P}:activity", f"{P}:activity:",
        f"{P}:activity:a:b", f"{P}:activity:a/b", f"{P}:activity:" + "a" * 81, f"{P}:activity:a b", f"{P}:activity:a\n",
        f"{P}:activity:../../etc", f"{P}:activity:a\x00b", f"{P}:stateMachine:m:", f"{P}:stateMachine::1",
        f"{P}:stateMachine:m:1:2", f"{P}:stateMachine:m/l:1", f"{P}:stateMachine:m/", f"{P}:stateMachine:m/" + "l" * 41,
        f"{P}:execution:m", f"{P}:execution:m:e:u", f"{P}:express:m:e", f"{P}:mapRun:m:e", f"{P}:stateMachine:a*",
        "arn:aws:lambda:eu-west-1:123456789012:function:f", "arn:aws:states:EU:123456789012:activity:a",
        "arn:aws:states::123456789012:activity:a", "arn:aws:states:eu-west-1:12345678901:activity:a",
        "arn:aws:states:eu-west-1:12345678901٣:activity:a", "arn:evil:states:eu-west-1:123456789012:activity:a",
    ],
)  # fmt: skip
def test_malformed(text: str) -> None:
    with pytest.raises(InvalidArn):
        parse_arn(text, *ALL)


def test_a_kind_that_has_no_place() -> None:
    with pytest.raises(InvalidArn) as caught:
        parse_arn(f"{P}:express:m:e:u", EXECUTION)
    assert caught.value.message == "Invalid Arn: 'Resource type not valid in this context: express'"


def test_what_is_formatted_parses() -> None:
    machine = parse_arn(arns.state_machine_arn("123456789012", "eu-west-1", "m"), STATE_MACHINE)
    assert parse_arn(arns.execution_arn(machine, "e"), EXECUTION).execution == "e"
    assert parse_arn(arns.express_arn(machine, "e", "u"), EXPRESS).uid == "u"
    assert parse_arn(arns.activity_arn("123456789012", "eu-west-1", "a"), ACTIVITY).name == "a"
    assert parse_arn(machine.text + ":live", STATE_MACHINE).unqualified == machine
    assert machine.unqualified == machine


@pytest.mark.parametrize("character", list(' \t\n?*<>{}[]"#%\\^|~`$&,;:/\x00\x1f\x7f\x9f\u2003'))
def test_forbidden_characters(character: str) -> None:
    with pytest.raises(ServiceError) as caught:
        check_name(f"a{character}b")
    assert (caught.value.code, caught.value.message) == ("InvalidName", f"Invalid Name: 'a{character}b'")


@pytest.mark.parametrize("name", ["a", "A" * 80, "a.b-c_d", "名前", "!'()+=@"])
def test_names_that_are_allowed(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "role",
    ["", "role/x", "arn:aws:iam::1:role/x", "arn:aws:iam::123456789012:user/x", "arn:aws:iam::123456789012:role/"],
)
def test_roles_that_are_none(role: str) -> None:
    with pytest.raises(ServiceError) as caught:
        check_role(role)
    assert (caught.value.code, caught.value.message) == ("InvalidArn", f"Invalid Role Arn: '{role}'")


def test_roles() -> None:
    check_role("arn:aws:iam::123456789012:role/service-role/steps")
    check_role("arn:aws-cn:iam::123456789012:role/steps")
