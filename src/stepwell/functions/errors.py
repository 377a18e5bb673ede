"""The one exception of the Lambda service, and the errors that are raised in more than one place."""

from stepwell.awsmodels.errors import ServiceError


class LambdaError(ServiceError):
    """An error of AWS's Lambda API; of its members, only `Reason` ever stands in `extra`."""


def invalid_parameter(message: str) -> LambdaError:
    return LambdaError("InvalidParameterValueException", message)


def not_found(message: str) -> LambdaError:
    return LambdaError("ResourceNotFoundException", message, 404)


def conflict(message: str) -> LambdaError:
    return LambdaError("ResourceConflictException", message, 409)


def invalid_content(message: str) -> LambdaError:
    return LambdaError("InvalidRequestContentException", message)


def entity_too_large(message: str) -> LambdaError:
    return LambdaError("RequestEntityTooLargeException", message, 413)
