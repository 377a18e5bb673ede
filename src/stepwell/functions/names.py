"""Names of functions: a name, a partial ARN or an ARN, each with or without a qualifier."""

import re
from typing import Any

import msgspec

from stepwell.functions.errors import LambdaError, invalid_parameter, not_found

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"
LATEST = "$LATEST"

_NAME = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]{1,64})(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]{1,128}))?"
)
"""The forms that the Lambda model's FunctionName pattern allows; 64 characters is the limit of the API reference."""


class FunctionName(msgspec.Struct, frozen=True):
    """One function, or one version of it when `qualifier` is set."""

    account: str
    region: str
    name: str
    qualifier: str | None = None

    @property
    def arn(self) -> str:
        """The ARN without a qualifier."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def key(self) -> str:
        """The key of its document."""
        return f"{self.account}/{self.region}/{self.name}"

    def qualified_arn(self, qualifier: str) -> str:
        return f"{self.arn}:{qualifier}"

    def missing(self) -> LambdaError:
        """AWS's error for a function, or a version, that does not exist."""
        return not_found(f"Function not found: {self.qualified_arn(self.qualifier) if self.qualifier else self.arn}")


def parse_name(text: str, *, qualifier: str | None, account: str, region: str) -> FunctionName:
    """Read `text` as AWS does; what it leaves out comes from the caller.

    Raises `LambdaError`: ValidationException when it is no name, InvalidParameterValueException when the qualifier in
    the name and the one beside it differ.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise invalid_name(text)
    parts: dict[str, Any] = match.groupdict()
    if parts["qualifier"] and qualifier and parts["qualifier"] != qualifier:
        raise invalid_parameter("The derived qualifier from the function name does not match the specified qualifier.")
    return FunctionName(
        parts["account"] or account, parts["region"] or region, parts["name"], parts["qualifier"] or qualifier
    )


def invalid_name(text: str) -> LambdaError:
    return LambdaError(
        "ValidationException",
        f"1 validation error detected: Value '{text[:256]}' at 'functionName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?"
        "([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?",
    )
