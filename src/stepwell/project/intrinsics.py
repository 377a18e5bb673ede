"""CloudFormation's intrinsic functions, as far as functions and state machines need them.

Shapes and rules: CloudFormation user guide, "Intrinsic function reference" and "Pseudo parameters reference".
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from stepwell.project.plan import ACCOUNT, PARTITION, REGION, activity_arn, function_arn, machine_arn

MAX_TEXT_CHARACTERS = 1 << 20

_TAGS_WITHOUT_PREFIX = frozenset({"Ref", "Condition"})
_FUNCTION_TAGS = frozenset(
    {
        "And",
        "Base64",
        "Cidr",
        "Contains",
        "EachMemberEquals",
        "EachMemberIn",
        "Equals",
        "FindInMap",
        "GetAtt",
        "GetAZs",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "RefAll",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
        "ValueOf",
        "ValueOfAll",
    }
)
_IN_SUB = re.compile(r"\$\{([^}]*)\}")
_NO_VALUE = object()


class IntrinsicError(Exception):
    """A value of a template cannot be settled; the text says why."""


def short_tag(name: str, value: Any) -> Any:
    """The long form of a YAML short tag, `!Sub x` as `{"Fn::Sub": "x"}`. KeyError for tags that are none."""
    if name in _TAGS_WITHOUT_PREFIX:
        return {name: value}
    if name not in _FUNCTION_TAGS:
        raise KeyError(name)
    if name == "GetAtt" and isinstance(value, str):
        return {"Fn::GetAtt": value.split(".", 1)}
    return {f"Fn::{name}": value}


class Resolver:
    """Settles the values of one template.

    Resources that are not deployed have the name and ARN that they would have on AWS. What only a running stack
    knows, such as the attribute of a database, becomes the text `LogicalId.Attribute` and is added to `unknown`.
    """

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str], stack_name: str) -> None:
        self.unknown: dict[str, None] = {}
        self._resources = _section(template, "Resources")
        self._mappings = _section(template, "Mappings")
        self._conditions = _section(template, "Conditions")
        self._declared = _section(template, "Parameters")
        self._given = parameters
        self._pseudo: dict[str, Any] = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": _NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": PARTITION,
            "AWS::Region": REGION,
            "AWS::StackId": f"arn:{PARTITION}:cloudformation:{REGION}:{ACCOUNT}:stack/{stack_name}/{stack_name}",
            "AWS::StackName": stack_name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        self._names: dict[str, str] = {}
        self._open: list[str] = []
        self._check_parameters()

    def resolve(self, value: Any) -> Any:
        """The value with every intrinsic function settled. Raises `IntrinsicError`."""
        settled = self._settle(value)
        return None if settled is _NO_VALUE else settled

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template holds. Raises `IntrinsicError`."""
        if condition not in self._conditions:
            raise IntrinsicError(f"the condition {condition} is not defined; there are: {_names(self._conditions)}")
        with_name = f"condition {condition}"
        return bool(self._guarded(with_name, lambda: _boolean(self._settle(self._conditions[condition]))))

    def name(self, logical_id: str) -> str:
        """The physical name of a resource: its name property, else its logical id."""
        if logical_id not in self._names:
            resource = self._resources[logical_id]
            given = _section(resource, "Properties").get(_NAME_PROPERTIES.get(resource.get("Type", ""), ""))
            name = None if given is None else self._guarded(f"name of {logical_id}", lambda: self._settle(given))
            self._names[logical_id] = _fitting(resource, logical_id) if name in (None, _NO_VALUE) else _text(name)
        return self._names[logical_id]

    def _check_parameters(self) -> None:
        for name, declared in self._declared.items():
            if not isinstance(declared, dict):
                raise IntrinsicError(f"Parameters/{name} is not a mapping")
        for name, value in self._given.items():
            if name not in self._declared:
                raise IntrinsicError(f"the template has no parameter {name}; it has: {_names(self._declared)}")
            allowed = self._declared[name].get("AllowedValues")
            if isinstance(allowed, list) and value not in map(_text, allowed):
                choices = ", ".join(map(_text, allowed))
                raise IntrinsicError(f"parameter {name} is {value}, but its AllowedValues are {choices}")

    def _guarded(self, what: str, work: Callable[[], Any]) -> Any:
        if what in self._open:
            raise IntrinsicError(f"the {what} depends on itself")
        self._open.append(what)
        try:
            return work()
        finally:
            self._open.pop()

    def _settle(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self._settle, value) if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, argument),) = value.items()
            if function := _FUNCTIONS.get(key):
                return _bounded(function(self, argument))
            if key.startswith("Fn::"):
                return self._placeholder(key, argument)
        settled = {key: self._settle(item) for key, item in value.items()}
        return {key: item for key, item in settled.items() if item is not _NO_VALUE}

    def _placeholder(self, key: str, argument: Any) -> str:
        if key in ("Fn::ForEach", "Fn::Transform"):
            raise IntrinsicError(f"{key} is not supported: expand the template first, for example with `sam build`")
        text = f"{key.removeprefix('Fn::')}:{_text(self._settle(argument))}"
        self.unknown[text] = None
        return text

    def _ref(self, argument: Any) -> Any:
        name = _expect(argument, str, "Ref takes a name")
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._declared:
            return self._parameter(name)
        if name in self._resources:
            return self._reference(name)
        raise IntrinsicError(f"Ref {name}: the template has no parameter or resource of that name")

    def _parameter(self, name: str) -> Any:
        declared = self._declared[name]
        kind = str(declared.get("Type", "String"))
        if name in self._given:
            value: Any = self._given[name]
        elif "Default" not in declared or kind.startswith("AWS::SSM::"):
            raise IntrinsicError(f"parameter {name} has no value here: pass --parameter {name}=VALUE")
        else:
            value = declared["Default"]
        if kind == "CommaDelimitedList" or "List<" in kind:
            return [item.strip() for item in _text(value).split(",")]
        return _text(value)

    def _reference(self, logical_id: str) -> str:
        """What Ref gives: a name for most types, the ARN for those whose Ref is documented so."""
        kind = self._resources[logical_id].get("Type")
        if kind in _REF_IS_ARN:
            return str(self._attribute(logical_id, "Arn"))
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name(logical_id)}"
        return self.name(logical_id)

    def _get_att(self, argument: Any) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not isinstance(parts, list) or len(parts) != 2 or not isinstance(parts[0], str):
            raise IntrinsicError("Fn::GetAtt takes a logical id and an attribute")
        attribute = _text(self._settle(parts[1]))
        if parts[0] not in self._resources:
            raise IntrinsicError(f"Fn::GetAtt {parts[0]}.{attribute}: the template has no resource {parts[0]}")
        return self._attribute(parts[0], attribute)

    def _attribute(self, logical_id: str, attribute: str) -> Any:
        kind = self._resources[logical_id].get("Type", "")
        if kind in ("AWS::Lambda::Alias", "AWS::Lambda::Version"):
            # Versions and aliases are not deployed; what they stand for is the function itself.
            function = _section(self._resources[logical_id], "Properties").get("FunctionName")
            return _function_arn(_text(self._settle(function)))
        if kind == "AWS::StepFunctions::StateMachineVersion" and attribute == "Arn":
            # Its number is not known before it is published; what it stands for is the state machine.
            return self._settle(_section(self._resources[logical_id], "Properties").get("StateMachineArn"))
        if kind == "AWS::StepFunctions::StateMachineAlias" and attribute == "Arn":
            return f"{self._aliased(logical_id)}:{self.name(logical_id)}"
        if attribute in _NAME_ATTRIBUTES.get(kind, ()):
            return self.name(logical_id)
        if attribute in ("Arn", "TopicArn") and kind in _ARNS:
            return _ARNS[kind](self.name(logical_id))
        text = f"{logical_id}.{attribute}"
        self.unknown[text] = None
        return text

    def _aliased(self, logical_id: str) -> str:
        """The ARN of the state machine whose versions an alias points to."""
        properties = _section(self._resources[logical_id], "Properties")
        routing = properties.get("RoutingConfiguration") or [properties.get("DeploymentPreference")]
        routes = _expect(self._settle(routing), list, "RoutingConfiguration is a list")
        what = f"{logical_id} needs a StateMachineVersionArn in its RoutingConfiguration or DeploymentPreference"
        version = _expect(_expect(routes and routes[0], dict, what).get("StateMachineVersionArn"), str, what)
        return ":".join(version.split(":")[:7])

    def _sub(self, argument: Any) -> str:
        text, local = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        text = _expect(text, str, "Fn::Sub takes a text, or a text and its variables")
        variables = {key: self._settle(value) for key, value in _expect(local, dict, "Fn::Sub's variables").items()}

        def replace(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in variables:
                return _text(variables[name])
            value = self._get_att(name) if "." in name else self._ref(name)
            return "" if value is _NO_VALUE else _text(value)

        return _IN_SUB.sub(replace, text)

    def _join(self, argument: Any) -> str:
        separator, items = _pair(argument, "Fn::Join takes a separator and a list")
        return _text(separator).join(map(_text, _expect(self._settle(items), list, "Fn::Join's second argument")))

    def _select(self, argument: Any) -> Any:
        index, items = _pair(argument, "Fn::Select takes an index and a list")
        settled = _expect(self._settle(items), list, "Fn::Select's second argument")
        position = _text(self._settle(index))
        if not position.isdecimal() or int(position) >= len(settled):
            raise IntrinsicError(f"Fn::Select {position}: the list has {len(settled)} items")
        return settled[int(position)]

    def _split(self, argument: Any) -> list[str]:
        separator, text = _pair(argument, "Fn::Split takes a separator and a text")
        if not separator:
            raise IntrinsicError("Fn::Split takes a separator that is not empty")
        return _text(self._settle(text)).split(_text(separator))

    def _find_in_map(self, argument: Any) -> Any:
        keys = [_text(self._settle(key)) for key in _expect(argument, list, "Fn::FindInMap takes a list")[:3]]
        found: Any = self._mappings
        for key in keys:
            if not isinstance(found, dict) or key not in found:
                raise IntrinsicError(f"Fn::FindInMap {' '.join(keys)}: the Mappings have no {key}")
            found = found[key]
        return found

    def _if(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 3:
            raise IntrinsicError("Fn::If takes a condition and two values")
        return self._settle(argument[1 if self.holds(_text(argument[0])) else 2])

    def _equals(self, argument: Any) -> bool:
        left, right = _pair(argument, "Fn::Equals takes two values")
        return bool(_text(self._settle(left)) == _text(self._settle(right)))

    def _all(self, argument: Any) -> bool:
        return all(_boolean(self._settle(item)) for item in _expect(argument, list, "Fn::And takes conditions"))

    def _any(self, argument: Any) -> bool:
        return any(_boolean(self._settle(item)) for item in _expect(argument, list, "Fn::Or takes conditions"))

    def _not(self, argument: Any) -> bool:
        return not self._all(argument)

    def _condition(self, argument: Any) -> Any:
        # The same key stands for an ordinary property, as in the Condition of a policy's statement.
        return self.holds(argument) if isinstance(argument, str) else {"Condition": self._settle(argument)}

    def _to_json(self, argument: Any) -> str:
        return json.dumps(self._settle(argument), separators=(",", ":"))

    def _length(self, argument: Any) -> int:
        return len(_expect(self._settle(argument), list, "Fn::Length takes a list"))


_FUNCTIONS: dict[str, Callable[[Resolver, Any], Any]] = {
    "Condition": Resolver._condition,
    "Fn::And": Resolver._all,
    "Fn::Equals": Resolver._equals,
    "Fn::FindInMap": Resolver._find_in_map,
    "Fn::GetAtt": Resolver._get_att,
    "Fn::If": Resolver._if,
    "Fn::Join": Resolver._join,
    "Fn::Length": Resolver._length,
    "Fn::Not": Resolver._not,
    "Fn::Or": Resolver._any,
    "Fn::Select": Resolver._select,
    "Fn::Split": Resolver._split,
    "Fn::Sub": Resolver._sub,
    "Fn::ToJsonString": Resolver._to_json,
    "Ref": Resolver._ref,
}

_NAME_PROPERTIES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::Serverless::Function": "FunctionName",
    "AWS::Serverless::SimpleTable": "TableName",
    "AWS::Serverless::StateMachine": "Name",
    "AWS::StepFunctions::Activity": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::StepFunctions::StateMachineAlias": "Name",
}
_NAME_ATTRIBUTES = {
    "AWS::Events::EventBus": ("Name",),
    "AWS::SNS::Topic": ("TopicName",),
    "AWS::SQS::Queue": ("QueueName",),
    "AWS::StepFunctions::Activity": ("Name",),
    "AWS::StepFunctions::StateMachine": ("Name",),
}
_REF_IS_ARN = frozenset(
    {
        "AWS::Lambda::Alias",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Version",
        "AWS::SNS::Topic",
        "AWS::StepFunctions::Activity",
        "AWS::StepFunctions::StateMachine",
        "AWS::StepFunctions::StateMachineAlias",
        "AWS::StepFunctions::StateMachineVersion",
    }
)


_NAME_MAX_CHARACTERS = {
    "AWS::Lambda::Function": 64,
    "AWS::Serverless::Function": 64,
    "AWS::Serverless::StateMachine": 80,
    "AWS::StepFunctions::StateMachine": 80,
}
_TELLING_CHARACTERS = 8
"""The CDK ends logical ids with so many characters of a hash: what tells two long ones apart."""


def _fitting(resource: Mapping[str, Any], logical_id: str) -> str:
    """A logical id as a name. CloudFormation shortens it too, and adds characters of its own."""
    most = _NAME_MAX_CHARACTERS.get(resource.get("Type", ""), len(logical_id))
    if len(logical_id) <= most:
        return logical_id
    return f"{logical_id[: most - _TELLING_CHARACTERS - 1]}-{logical_id[-_TELLING_CHARACTERS:]}"


def _arn(service: str, prefix: str = "", suffix: str = "") -> Callable[[str], str]:
    return lambda name: f"arn:{PARTITION}:{service}:{REGION}:{ACCOUNT}:{prefix}{name}{suffix}"


_ARNS: dict[str, Callable[[str], str]] = {
    "AWS::DynamoDB::Table": _arn("dynamodb", "table/"),
    "AWS::Events::EventBus": _arn("events", "event-bus/"),
    "AWS::IAM::Role": lambda name: f"arn:{PARTITION}:iam::{ACCOUNT}:role/{name}",
    "AWS::Lambda::Function": function_arn,
    "AWS::Lambda::LayerVersion": _arn("lambda", "layer:", ":1"),
    "AWS::Logs::LogGroup": _arn("logs", "log-group:", ":*"),
    "AWS::S3::Bucket": lambda name: f"arn:{PARTITION}:s3:::{name}",
    "AWS::SNS::Topic": _arn("sns"),
    "AWS::SQS::Queue": _arn("sqs"),
    "AWS::Serverless::SimpleTable": _arn("dynamodb", "table/"),
    "AWS::StepFunctions::Activity": activity_arn,
    "AWS::StepFunctions::StateMachine": machine_arn,
}


def _function_arn(name: str) -> str:
    return name if name.startswith("arn:") else function_arn(name)


def _section(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = holder.get(name)
    return section if isinstance(section, dict) else {}


def _names(section: Mapping[str, Any]) -> str:
    return ", ".join(sorted(section)) or "none"


def _text(value: Any) -> str:
    """A scalar as CloudFormation writes it into text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise IntrinsicError(f"a text is needed where the template has {json.dumps(value, default=str)[:200]}")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise IntrinsicError("a condition is needed, such as Fn::Equals or the name of one in Conditions")


def _expect(value: Any, kind: type, what: str) -> Any:
    if isinstance(value, kind):
        return value
    raise IntrinsicError(f"{what}, not {json.dumps(value, default=str)[:200]}")


def _pair(value: Any, what: str) -> list[Any]:
    if isinstance(value, list) and len(value) == 2:
        return value
    raise IntrinsicError(what)


def _bounded(value: Any) -> Any:
    """Names may be built from names, each twice as long as the last: stop before memory does."""
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise IntrinsicError(f"a value has more than {MAX_TEXT_CHARACTERS:,} characters")
    return value
