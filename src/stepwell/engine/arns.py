"""Names and ARNs of Step Functions: every shape that AWS gives out, parsed and formatted. All of them are hostile.

After the prefix `arn:aws:states:REGION:ACCOUNT:` these shapes parse, as AWS's API reference has them:

    stateMachine:NAME   stateMachine:NAME:QUALIFIER   stateMachine:NAME/LABEL
    execution:NAME:EXECUTION   execution:NAME/LABEL:EXECUTION
    express:NAME:EXECUTION:UID   express:NAME/LABEL:EXECUTION:UID
    mapRun:NAME/LABEL:EXECUTION   activity:NAME
"""

import re

import msgspec

from stepwell.awsmodels.errors import ServiceError

STATE_MACHINE, EXECUTION, EXPRESS, MAP_RUN, ACTIVITY = "stateMachine", "execution", "express", "mapRun", "activity"

NAME_MAX = 80
LABEL_MAX = 40

_FORBIDDEN = re.compile('[\\s?*<>{}\\[\\]"#%\\\\^|~`$&,;:/\\x00-\\x1f\\x7f-\\x9f]')
"""What no name may hold. Source: the quotas page of the Step Functions developer guide."""

_PARTS: dict[str, tuple[int, ...]] = {
    STATE_MACHINE: (1, 2), EXECUTION: (2,), EXPRESS: (3,), MAP_RUN: (2,), ACTIVITY: (1,),
}  # fmt: skip
"""How many parts follow each kind of resource."""

_PREFIX = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]{1,32}:[0-9]{12}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\x21-\x7e]{1,512}")


class InvalidArn(ServiceError):
    """A text is no ARN, or one of a kind that has no place here."""

    def __init__(self, why: str) -> None:
        super().__init__("InvalidArn", f"Invalid Arn: '{why}'")


class Arn(msgspec.Struct, frozen=True):
    """An ARN taken apart. `name` is the state machine's or the activity's.

    `qualifier` is a version's number or an alias's name; `label` names a Distributed Map of the machine; `execution` is
    the execution's name (of a Map Run its UUID), and `uid` what makes an Express execution's ARN unique.
    """

    text: str
    account: str
    region: str
    kind: str
    name: str
    label: str | None = None
    qualifier: str | None = None
    execution: str | None = None
    uid: str | None = None

    @property
    def resource(self) -> str:
        """The name, with the label where there is one."""
        return self.name if self.label is None else f"{self.name}/{self.label}"

    @property
    def unlabelled(self) -> "Arn":
        """Of a Distributed Map's definition: the state machine that it stands in."""
        if self.label is None:
            return self
        return msgspec.structs.replace(self, text=self.text[: -len(self.label) - 1], label=None)

    @property
    def prefix(self) -> str:
        """`arn:aws:states:REGION:ACCOUNT:`"""
        return self.text[: self.text.index(f":{self.kind}:") + 1]

    @property
    def unqualified(self) -> "Arn":
        """Of a state machine: its ARN without version or alias."""
        if self.qualifier is None:
            return self
        return msgspec.structs.replace(self, text=self.text[: -len(self.qualifier) - 1], qualifier=None)


def parse_arn(text: str, *kinds: str) -> Arn:
    """Read an ARN of one of these kinds. Raises `InvalidArn`."""
    pieces = text.split(":", 6)
    if len(pieces) < 2 or pieces[0] != "arn":
        raise InvalidArn(f"Invalid ARN prefix: {text}")
    if len(pieces) < 7 or not _PREFIX.fullmatch(":".join(pieces[:5])):
        raise InvalidArn(f"Invalid ARN: {text}")
    kind, resource = pieces[5], pieces[6]
    if kind not in kinds:
        raise InvalidArn(f"Resource type not valid in this context: {kind}")
    parts = resource.split(":")
    name, slash, label = parts[0].partition("/")
    if len(parts) not in _PARTS[kind] or not all(map(is_valid_name, (name, *parts[1:]))):
        raise InvalidArn(f"Invalid ARN: {text}")
    if not _label_fits(kind, slash, label, qualified=kind == STATE_MACHINE and len(parts) == 2):
        raise InvalidArn(f"Invalid ARN: {text}")
    region, account = pieces[3], pieces[4]
    if kind == STATE_MACHINE:
        return Arn(text, account, region, kind, name, label or None, parts[1] if len(parts) == 2 else None)
    rest = (*parts[1:], None, None)
    return Arn(text, account, region, kind, name, label or None, None, rest[0], rest[1])


def _label_fits(kind: str, slash: str, label: str, qualified: bool) -> bool:
    if not slash:
        return kind != MAP_RUN
    return kind != ACTIVITY and not qualified and len(label) <= LABEL_MAX and is_valid_name(label)


def is_valid_name(name: str) -> bool:
    """Whether AWS takes it as a machine's, an activity's or an execution's name: 1 to 80 characters, none forbidden."""
    return 0 < len(name) <= NAME_MAX and _FORBIDDEN.search(name) is None


def check_name(name: str) -> None:
    """Raises AWS's InvalidName."""
    if not is_valid_name(name):
        raise ServiceError("InvalidName", f"Invalid Name: '{name}'")


def check_role(role: str) -> None:
    """Raises AWS's InvalidArn where it is not the ARN of a role. Whether there is such a role is IAM's business."""
    if _ROLE.fullmatch(role) is None:
        raise ServiceError("InvalidArn", f"Invalid Role Arn: '{role}'")


def state_machine_arn(account: str, region: str, name: str) -> str:
    return f"arn:aws:states:{region}:{account}:stateMachine:{name}"


def activity_arn(account: str, region: str, name: str) -> str:
    return f"arn:aws:states:{region}:{account}:activity:{name}"


def execution_arn(machine: Arn, name: str) -> str:
    """The ARN of a Standard execution."""
    return f"{machine.prefix}execution:{machine.name}:{name}"


def express_arn(machine: Arn, name: str, uid: str) -> str:
    """The ARN of an Express execution."""
    return f"{machine.prefix}express:{machine.name}:{name}:{uid}"
