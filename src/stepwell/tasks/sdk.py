"""`aws-sdk:SERVICE:ACTION`: any operation of any service that botocore knows, with the names of AWS's Java SDK 2."""

from botocore.model import OperationModel

from stepwell.asl.errors import RUNTIME
from stepwell.asl.jsontext import Json
from stepwell.awsmodels.integrations import SDK
from stepwell.awsmodels.services import find_operation, member_name, pascal_case
from stepwell.machine.commands import StartTask
from stepwell.machine.stimuli import CALL, START, SUBMIT
from stepwell.tasks.attempts import TaskError
from stepwell.tasks.calls import CallFailed, CallRefused, Calls
from stepwell.tasks.casing import BadParameters
from stepwell.tasks.endpoints import NoEndpoint


class SdkTasks:
    """Calls operations by the names of AWS's SDK."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def perform(self, execution: str, command: StartTask) -> Json:
        """The reply's members. Raises `TaskError`."""
        operation = find_operation(command.type.removeprefix(SDK), command.action.partition(".")[0])
        if operation is None or operation.has_event_stream_output:
            raise TaskError(RUNTIME, f"There is no operation '{command.resource}' that a Task can call.", START)
        try:
            reply = await self._calls.call(
                execution, operation, command.input.value, member_name,
                key=command.idempotency_key, role=command.credentials,
            )  # fmt: skip
        except CallRefused as error:
            raise TaskError(_error_name(operation, error.code), _cause(operation, error), refused_at(command)) from None
        except CallFailed as error:
            cause = f"{error} (SDK Attempt Count: 1)"
            raise TaskError(f"{_prefix(operation)}.SdkClientException", cause, refused_at(command)) from None
        except (BadParameters, NoEndpoint) as error:
            raise not_started(command, error) from None
        return reply.members


def refused_at(command: StartTask) -> str:
    """The stage at which a call that a service refuses has failed: what is waited for was not even submitted."""
    return SUBMIT if command.pattern else CALL


def not_started(command: StartTask, error: Exception) -> TaskError:
    """The call could not be made at all. AWS's words around the parameters' faults."""
    if isinstance(error, NoEndpoint):
        return TaskError(RUNTIME, f"'{command.resource}' cannot be called: {error}", START)
    parameters = command.input.text
    return TaskError(RUNTIME, f"The Parameters '{parameters}' could not be used to start the Task: [{error}]", START)


def _prefix(operation: OperationModel) -> str:
    """`SFN` is Sfn, `DynamoDB` DynamoDb, `Secrets Manager` SecretsManager."""
    return pascal_case(operation.service_model.service_id)


def _error_name(operation: OperationModel, code: str) -> str:
    """The SDK's exception class: the modeled error's, or the service's own for a code that the model does not have."""
    prefix = _prefix(operation)
    shape = operation.service_model.shape_for_error_code(code)
    if shape is None:
        return f"{prefix}.{prefix}Exception"
    name = pascal_case(shape.name.removesuffix("Fault"))
    return f"{prefix}.{name}" if name.endswith("Exception") else f"{prefix}.{name}Exception"


def _cause(operation: OperationModel, error: CallRefused) -> str:
    is_s3 = operation.service_model.protocol == "rest-xml"  # emulators send the header for other services, too
    host = f", Extended Request ID: {error.host_id}" if error.host_id and is_s3 else ""
    service = f"Service: {_prefix(operation)}, Status Code: {error.status}, Request ID: {error.request_id}{host}"
    return f"{error.message} ({service}) (SDK Attempt Count: 1)"
