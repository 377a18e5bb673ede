"""The optimized integrations that call one operation: `dynamodb:putItem`, `sqs:sendMessage`, `sns:publish` and others.

They are older than `aws-sdk`: names are the model's with a capital first, errors are those of AWS's Java SDK 1, and
beside the reply stands the metadata of the HTTP exchange. That metadata is shown as AWS's service itself would have
given it, however an emulator words its replies.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel, ServiceModel

from stepwell.asl.errors import RUNTIME
from stepwell.asl.jsontext import Json, encode
from stepwell.awsmodels.services import find_operation
from stepwell.engine.clock import Clock
from stepwell.machine.commands import StartTask
from stepwell.machine.stimuli import CALL, START
from stepwell.tasks.attempts import Submitted, TaskError
from stepwell.tasks.calls import CallFailed, CallRefused, Calls, Reply
from stepwell.tasks.casing import BadParameters, model_name
from stepwell.tasks.endpoints import NoEndpoint
from stepwell.tasks.jobs import JOBS
from stepwell.tasks.metadata import sdk_metadata
from stepwell.tasks.sdk import not_started, refused_at

Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """A service in AWS's Java SDK 1.

    `name` is its name in a Resource of `aws-sdk`; `prefix` begins its error names, `full` stands in causes, and with
    `Exception` after it names what the model has no error for, but where `exception` says otherwise.
    """

    name: str
    prefix: str
    full: str
    exception: str = ""

    @property
    def unmodeled(self) -> str:
        return f"{self.exception or self.full}Exception"


SERVICES: Mapping[str, Service] = {
    "athena": Service("athena", "Athena", "AmazonAthena"),
    "batch": Service("batch", "Batch", "AWSBatch"),
    "bedrock": Service("bedrock", "Bedrock", "AmazonBedrock"),
    "codebuild": Service("codebuild", "CodeBuild", "AWSCodeBuild"),
    "databrew": Service("databrew", "DataBrew", "AWSGlueDataBrew"),
    "dynamodb": Service("dynamodb", "DynamoDB", "AmazonDynamoDBv2", "AmazonDynamoDB"),
    "ecs": Service("ecs", "ECS", "AmazonECS"),
    "eks": Service("eks", "EKS", "AmazonEKS"),
    "elasticmapreduce": Service("emr", "ElasticMapReduce", "AmazonElasticMapReduce"),
    "emr-containers": Service("emrcontainers", "EMRContainers", "AmazonEMRContainers"),
    "emr-serverless": Service("emrserverless", "EMRServerless", "AWSEMRServerless"),
    "events": Service("eventbridge", "EventBridge", "AmazonEventBridge"),
    "glue": Service("glue", "Glue", "AWSGlue"),
    "mediaconvert": Service("mediaconvert", "MediaConvert", "AWSMediaConvert"),
    "sagemaker": Service("sagemaker", "SageMaker", "AmazonSageMaker"),
    "sns": Service("sns", "SNS", "AmazonSNS"),
    "sqs": Service("sqs", "SQS", "AmazonSQS"),
}
"""By the resource type. Names in causes are recorded for DynamoDB, SNS and Lambda; others follow the SDK's classes."""


def _add_step(parameters: Parameters) -> Parameters:
    known = {"JobFlowId": parameters.get("ClusterId"), "Steps": [parameters.get("Step")]}
    return known | {name: value for name, value in parameters.items() if name not in ("ClusterId", "Step")}


_OTHERWISE: Mapping[tuple[str, str], tuple[str, Callable[[Parameters], Parameters]]] = {
    ("elasticmapreduce", "createCluster"): ("runJobFlow", dict),
    ("elasticmapreduce", "terminateCluster"): ("terminateJobFlows", lambda given: {"JobFlowIds": [given["ClusterId"]]}),
    ("elasticmapreduce", "addStep"): ("addJobFlowSteps", _add_step),
    ("elasticmapreduce", "cancelStep"): (
        "cancelSteps", lambda given: {"ClusterId": given["ClusterId"], "StepIds": [given["StepId"]]},
    ),
    ("elasticmapreduce", "setClusterTerminationProtection"): (
        "setTerminationProtection",
        lambda given: {
            "JobFlowIds": [given["ClusterId"]], "TerminationProtected": given["TerminationProtected"],
        },
    ),
}  # fmt: skip
"""Actions that are no operation of the service by the same name: the operation, and its parameters of the action's."""

_SHOWN: Mapping[tuple[str, str], Callable[[dict[str, Any]], dict[str, Any]]] = {
    ("elasticmapreduce", "createCluster"): lambda reply: {"ClusterId": reply.get("JobFlowId")} | reply,
    ("elasticmapreduce", "addStep"): lambda reply: {"StepId": next(iter(reply.get("StepIds", [])), None)},
}
"""What the result of such an action has for the operation's members."""


class OptimizedTasks:
    """Calls operations as the optimized integrations do."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock

    async def perform(self, execution: str, command: StartTask) -> Json | Submitted:
        """The result, or the job that a `.sync` task has started. Raises `TaskError`."""
        service, action = SERVICES[command.type], command.action.partition(".")[0]
        operation, parameters = _operation(command, service, action)
        try:
            reply = await self._calls.call(
                execution, operation, parameters, model_name, key=command.idempotency_key, role=command.credentials
            )
        except CallRefused as error:
            raise refusal(service, operation.service_model, error, refused_at(command)) from None
        except CallFailed as error:
            raise TaskError(f"{service.prefix}.SdkClientException", str(error), refused_at(command)) from None
        except (BadParameters, NoEndpoint) as error:
            raise not_started(command, error) from None
        shown = _shown(command.type, action, reply.members)
        output = {**shown, **_metadata(operation, reply, self._clock.now())}
        if command.type == "events" and reply.members.get("FailedEntryCount"):
            raise TaskError("EventBridge.FailedEntry", encode(reply.members))
        if command.pattern.startswith("sync"):
            job = JOBS[command.type, action]
            return Submitted(output, job.begun(command, shown))
        return output


def _shown(type: str, action: str, members: dict[str, Any]) -> dict[str, Any]:
    arrange = _SHOWN.get((type, action))
    return members if arrange is None else arrange(members)


def _operation(command: StartTask, service: Service, action: str) -> tuple[OperationModel, Parameters]:
    given = command.input.value
    if not isinstance(given, dict):
        raise not_started(command, BadParameters("The parameters of a service call must be a JSON object"))
    operation = find_call(service, command.type, action)
    if operation is None:
        raise TaskError(RUNTIME, f"Stepwell cannot call '{command.resource}': it is no operation of an API.", START)
    try:
        return operation, _OTHERWISE.get((command.type, action), (action, dict))[1](given)
    except KeyError as error:
        raise not_started(command, BadParameters(f"The field {error} is required but was missing")) from None


def find_call(service: Service, type: str, action: str) -> OperationModel | None:
    """The operation that an action calls; None for those that are more than one call."""
    return find_operation(service.name, _OTHERWISE.get((type, action), (action, dict))[0])


def refusal(service: Service, model: ServiceModel, error: CallRefused, stage: str = CALL) -> TaskError:
    """An error of the service, in the words of the SDK."""
    shape = model.shape_for_error_code(error.code)
    name = service.unmodeled if shape is None else shape.name.removesuffix("Exception") + "Exception"
    detail = f"Service: {service.full}; Status Code: {error.status}; Error Code: {error.code}"
    cause = f"{error.message} ({detail}; Request ID: {error.request_id}; Proxy: null)"
    return TaskError(f"{service.prefix}.{name}", cause, stage)


# --- metadata


def _metadata(operation: OperationModel, reply: Reply, at: float) -> dict[str, Json]:
    """The exchange with AWS's service. Recorded for DynamoDB, SQS, SNS and Step Functions."""
    model = operation.service_model
    protocol = str(model.protocol)
    if protocol in ("query", "ec2"):
        return sdk_metadata(reply.request_id, len(_xml(operation, reply)), "text/xml", at, {})
    version = model.metadata.get("jsonVersion", "1.1")
    kind = f"application/x-amz-json-{version}" if protocol == "json" else "application/json"
    body = encode(reply.members).encode()
    if model.service_name == "dynamodb":
        extra = {"Server": "Server", "x-amz-crc32": str(zlib.crc32(body))}
        return sdk_metadata(reply.request_id, len(body), kind, at, extra, "Connection")
    return sdk_metadata(reply.request_id, len(body), kind, at, {})


def _xml(operation: OperationModel, reply: Reply) -> str:
    """A query service's reply with flat members, laid out as AWS does: a line per element, two spaces per level."""
    name, space = operation.name, operation.service_model.metadata.get("xmlNamespace", "")
    members = [f"    <{key}>{value}</{key}>" for key, value in reply.members.items()]
    request = f"    <RequestId>{reply.request_id}</RequestId>"
    lines = [
        f'<{name}Response xmlns="{space}">', f"  <{name}Result>", *members, f"  </{name}Result>",
        "  <ResponseMetadata>", request, "  </ResponseMetadata>", f"</{name}Response>",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
