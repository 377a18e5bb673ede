"""What a project deploys, as data, and the error of everything that can be wrong with a project."""

from dataclasses import dataclass, field
from pathlib import Path

REGION = "us-east-1"
ACCOUNT = "123456789012"
PARTITION = "aws"
DEFAULT_ROLE = f"arn:aws:iam::{ACCOUNT}:role/stepwell"


EMULATED_TYPES = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::S3::Bucket",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
        "AWS::Serverless::SimpleTable",
    }
)
"""Resource types of other services that an emulator can be given."""


class ProjectError(Exception):
    """A project cannot be deployed; the text says where, what is missing and what to do."""

    def __init__(self, message: str, file: Path | None = None, line: int | None = None) -> None:
        place = f"{file}:{line}: " if line else f"{file}: "
        super().__init__(f"{place}{message}" if file else message)
        self.message = message
        self.file = file
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPlan:
    """A Lambda function.

    `source` is a folder, or a zip file that is taken as it is; None when the template holds the code itself, which is
    then in `inline_code`. `files` limits what is packed of a folder; None means all of it. `layers` are folders or zip
    files laid out as AWS's layers are (`python/...`).
    """

    logical_id: str
    name: str
    handler: str
    runtime: str
    source: Path | None
    inline_code: str | None = None
    files: tuple[Path, ...] | None = None
    timeout_seconds: int = 3
    memory_mb: int = 128
    environment: dict[str, str] = field(default_factory=dict)
    layers: tuple[Path, ...] = ()
    reserved_concurrency: int | None = None
    description: str = ""
    role: str = DEFAULT_ROLE
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return function_arn(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePlan:
    """A state machine. `definition` is JSON text as CreateStateMachine takes it, `origin` the file that it came from.

    `logging` has the members of CreateStateMachine's loggingConfiguration; None leaves it out.
    """

    logical_id: str
    name: str
    type: str
    definition: str
    origin: Path
    role: str = DEFAULT_ROLE
    logging: dict[str, object] | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return machine_arn(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityPlan:
    logical_id: str
    name: str
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return activity_arn(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionPlan:
    """A version to publish of what the state machine with this ARN is after the deployment."""

    logical_id: str
    machine_arn: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasPlan:
    """An alias. `routes` are ARNs and weights; the ARN of a state machine is that of the version published with it."""

    logical_id: str
    name: str
    arn: str
    routes: tuple[tuple[str, int], ...]
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsResource:
    """Something of another AWS service, by its CloudFormation type and the settled properties of it."""

    logical_id: str
    type: str
    name: str
    properties: dict[str, object]


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that the project holds and that is not deployed. `type` is a resource type or a property's name."""

    logical_id: str
    type: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one project deploys. `folder` is the project's folder: nothing outside of it is read.

    `aws` is what an emulator can be given; it stands among what is `skipped`, too, because an endpoint has none of it.
    """

    folder: Path
    functions: tuple[FunctionPlan, ...] = ()
    machines: tuple[MachinePlan, ...] = ()
    activities: tuple[ActivityPlan, ...] = ()
    versions: tuple[VersionPlan, ...] = ()
    aliases: tuple[AliasPlan, ...] = ()
    aws: tuple[AwsResource, ...] = ()
    skipped: tuple[Skipped, ...] = ()


def function_arn(name: str) -> str:
    return f"arn:{PARTITION}:lambda:{REGION}:{ACCOUNT}:function:{name}"


def machine_arn(name: str) -> str:
    return f"arn:{PARTITION}:states:{REGION}:{ACCOUNT}:stateMachine:{name}"


def activity_arn(name: str) -> str:
    return f"arn:{PARTITION}:states:{REGION}:{ACCOUNT}:activity:{name}"
