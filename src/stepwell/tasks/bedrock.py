"""`bedrock:invokeModel`: the body is a document of the state machine, not the bytes that the operation has."""

from stepwell.asl.jsontext import Json, JsonTextError, decode, encode
from stepwell.awsmodels.services import find_operation
from stepwell.machine.commands import StartTask
from stepwell.tasks.attempts import TaskError
from stepwell.tasks.calls import CallFailed, CallRefused, Calls
from stepwell.tasks.casing import BadParameters, model_name
from stepwell.tasks.endpoints import NoEndpoint
from stepwell.tasks.optimized import SERVICES, refusal
from stepwell.tasks.sdk import not_started

_S3 = ("Input", "Output")


class BedrockTasks:
    """Calls models."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def perform(self, execution: str, command: StartTask) -> Json:
        """{Body, ContentType}. Raises `TaskError`."""
        operation = find_operation("bedrockruntime", "invokeModel")
        assert operation is not None
        service, given = SERVICES["bedrock"], command.input.value
        try:
            if not isinstance(given, dict):
                raise BadParameters("The parameters of a service call must be a JSON object")
            if found := [name for name in _S3 if name in given]:
                raise BadParameters(f"The field '{found[0]}': Stepwell keeps bodies in the state, not in S3")
            body = {"Body": encode(given["Body"])} if "Body" in given else {}
            reply = await self._calls.call(
                execution, operation, {**given, **body}, model_name,
                key=command.idempotency_key, role=command.credentials,
            )  # fmt: skip
        except CallRefused as error:
            raise refusal(service, operation.service_model, error) from None
        except CallFailed as error:
            raise TaskError(f"{service.prefix}.SdkClientException", str(error)) from None
        except (BadParameters, NoEndpoint) as error:
            raise not_started(command, error) from None
        return {**reply.members, "Body": _document(reply.members.get("Body", ""))}


def _document(body: str) -> Json:
    try:
        return decode(body)
    except JsonTextError:
        return body
