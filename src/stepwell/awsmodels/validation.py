"""A model's constraints as closures, compiled once: nothing is looked up by name while a request is checked.

The texts are those of AWS's service framework: what a wrong JSON type is called, and one sentence for each constraint
that a value fails, all of them in one error. A type is checked before any constraint is reported, because AWS reads
the whole request before it looks at the values. Values of sensitive shapes are left out of the text.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from stepwell.awsmodels.errors import SerializationError, ValidationError
from stepwell.awsmodels.patterns import compile_pattern

Check: TypeAlias = Callable[[Any, str, list[str]], None]
"""Takes a value that is not null, where it stands (`tags.1.member.key`), and the list to add findings to."""

Rule: TypeAlias = tuple[Callable[[Any], bool], str]
"""What holds for a good value, and the sentence for a bad one."""

Validator: TypeAlias = Callable[[Any], None]

_INTEGERS = {"integer": "Integer", "long": "Long"}
_FLOATS = {"float": "Float", "double": "Double"}
_TEXTS = {"string": "String", "blob": "Blob"}


def compile_validator(shapes: Mapping[str, Mapping[str, Any]], name: str, lifted: frozenset[str]) -> Validator:
    """A function that takes a decoded request and returns, or raises `SerializationError` or `ValidationError`.

    The upper limits of the shapes in `lifted` do not apply.
    """
    check = _Compiler(shapes, lifted).check(name)

    def validate(request: Any) -> None:
        findings: list[str] = []
        check(request, "", findings)
        if findings:
            raise ValidationError(_summary(findings))

    return validate


def _summary(findings: list[str]) -> str:
    count = len(findings)
    return f"{count} validation error{'s' if count > 1 else ''} detected: {'; '.join(findings)}"


class _Compiler:
    """Compiles each shape once; a shape may contain itself."""

    def __init__(self, shapes: Mapping[str, Mapping[str, Any]], lifted: frozenset[str]) -> None:
        self._shapes = shapes
        self._lifted = lifted
        self._done: dict[str, Check] = {}

    def check(self, name: str) -> Check:
        if name not in self._done:
            self._done[name] = lambda value, at, findings: self._done[name](value, at, findings)
            self._done[name] = self._compile(name)
        return self._done[name]

    def _compile(self, name: str) -> Check:
        shape = dict(self._shapes[name])
        if name in self._lifted:
            shape.pop("max", None)
        kind = shape["type"]
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            member = shape["member"]["shape"]
            return _list(shape, self.check(member), member if self._shapes[member]["type"] == "structure" else "")
        if kind == "map":
            return _map(shape, self.check(shape["key"]["shape"]), self.check(shape["value"]["shape"]))
        return _scalar(kind, shape)

    def _structure(self, shape: Mapping[str, Any]) -> Check:
        required = frozenset(shape.get("required", ()))
        members = tuple(
            (member, _decapitalized(member), member in required, self.check(described["shape"]))
            for member, described in shape["members"].items()
        )

        def check(value: Any, at: str, findings: list[str]) -> None:
            if type(value) is not dict:
                raise SerializationError(_wrong_type(value, "structure"))
            prefix = f"{at}." if at else ""
            for key, label, needed, check_member in members:
                member = value.get(key)
                if member is not None:
                    check_member(member, prefix + label, findings)
                elif needed:
                    findings.append(_missing(prefix + label))

        return check


def _decapitalized(member: str) -> str:
    """AWS names the member in its errors as its Java field: `FunctionName` is functionName."""
    return member[:1].lower() + member[1:]


def _list(shape: Mapping[str, Any], check_item: Check, structure: str) -> Check:
    """`structure` names the shape of the items, where they are structures."""
    rules = _length_rules(shape)
    sensitive = bool(shape.get("sensitive"))

    def check(value: Any, at: str, findings: list[str]) -> None:
        if type(value) is not list:
            raise SerializationError(_wrong_type(value, "list"))
        _apply(rules, value, at, sensitive, findings, structure)
        for index, item in enumerate(value, 1):
            if item is None:
                findings.append(_missing(f"{at}.{index}.member"))
            else:
                check_item(item, f"{at}.{index}.member", findings)

    return check


def _map(shape: Mapping[str, Any], check_key: Check, check_value: Check) -> Check:
    rules = _length_rules(shape)
    sensitive = bool(shape.get("sensitive"))

    def check(value: Any, at: str, findings: list[str]) -> None:
        if type(value) is not dict:
            raise SerializationError(_wrong_type(value, "map"))
        _apply(rules, value, at, sensitive, findings)
        for key, item in value.items():
            check_key(key, f"{at}.key", findings)
            if item is not None:
                check_value(item, f"{at}.{key}.member", findings)

    return check


def _scalar(kind: str, shape: Mapping[str, Any]) -> Check:
    if kind in _TEXTS:
        return _of_type(
            (str, bytes) if kind == "blob" else (str,),
            _TEXTS[kind],
            _text_rules(shape) if kind == "string" else (),
            shape,
        )
    if kind in _INTEGERS:
        return _of_type((int,), _INTEGERS[kind], _value_rules(shape), shape)
    if kind in _FLOATS:
        return _of_type((int, float), _FLOATS[kind], _value_rules(shape), shape)
    if kind == "boolean":
        return _of_type((bool,), "Boolean", (), shape)
    if kind == "timestamp":
        return _of_type((int, float, str), "Date", (), shape)
    raise ValueError(f"a model has a shape of the unknown type {kind}")


def _of_type(types: tuple[type, ...], java: str, rules: tuple[Rule, ...], shape: Mapping[str, Any]) -> Check:
    sensitive = bool(shape.get("sensitive"))

    def check(value: Any, at: str, findings: list[str]) -> None:
        if type(value) not in types:
            raise SerializationError(_wrong_type(value, java))
        _apply(rules, value, at, sensitive, findings)

    return check


def _apply(
    rules: tuple[Rule, ...], value: Any, at: str, sensitive: bool, findings: list[str], structure: str = ""
) -> None:  # fmt: skip
    for holds, sentence in rules:
        if not holds(value):
            shown = "" if sensitive else f" '{_java_text(value, structure)}'"
            findings.append(f"Value{shown} at '{at}' failed to satisfy constraint: {sentence}")


def _missing(at: str) -> str:
    return f"Value null at '{at}' failed to satisfy constraint: Member must not be null"


def _length_rules(shape: Mapping[str, Any]) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    if (most := shape.get("max")) is not None:
        rules.append((lambda value: len(value) <= most, f"Member must have length less than or equal to {most}"))
    if (least := shape.get("min", 0)) > 0:
        rules.append((lambda value: len(value) >= least, f"Member must have length greater than or equal to {least}"))
    return tuple(rules)


def _text_rules(shape: Mapping[str, Any]) -> tuple[Rule, ...]:
    rules = list(_length_rules(shape))
    if pattern := shape.get("pattern"):
        matches = compile_pattern(pattern).fullmatch
        sentence = f"Member must satisfy regular expression pattern: {pattern}"
        rules.append((lambda value: matches(value) is not None, sentence))
    if enum := shape.get("enum"):
        values = frozenset(enum)
        rules.append((lambda value: value in values, f"Member must satisfy enum value set: [{', '.join(enum)}]"))
    return tuple(rules)


def _value_rules(shape: Mapping[str, Any]) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    if (most := shape.get("max")) is not None:
        rules.append((lambda value: value <= most, f"Member must have value less than or equal to {most}"))
    if (least := shape.get("min")) is not None:
        rules.append((lambda value: value >= least, f"Member must have value greater than or equal to {least}"))
    return tuple(rules)


def _wrong_type(value: Any, wanted: str) -> str:
    """What AWS says of a JSON value that is not `wanted`, a Java class or a kind of container."""
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    if isinstance(value, list):
        return "Start of list found where not expected"
    if wanted in ("structure", "list", "map"):
        return "Unexpected field type"
    return f"{_token(value)} cannot be converted to {wanted}"


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, int):
        return "NUMBER_VALUE"
    return "DECIMAL_VALUE" if isinstance(value, float) else "STRING_VALUE"


def _java_text(value: Any, structure: str = "") -> str:
    """A value as Java prints it. A `structure` is printed with its name; no recording that we have shows one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_java_text(item, structure) for item in value) + "]"
    if isinstance(value, dict):
        members = ", ".join(f"{key}={_java_text(item)}" for key, item in value.items())
        return f"{structure}({members})" if structure else f"{{{members}}}"
    return str(value)
