"""The errors of AWS's APIs, as exceptions."""

from collections.abc import Mapping


class ServiceError(Exception):
    """An error as AWS's API answers it.

    `code` is AWS's name for it, `status` the HTTP status; `extra` holds further members of its shape, such as `reason`.
    """

    def __init__(self, code: str, message: str, status: int = 400, extra: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.extra = dict(extra or {})


class ValidationError(ServiceError):
    """A request is of the right types but outside the model's limits."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class SerializationError(ServiceError):
    """A request is no JSON object, or one of its members is not of the model's type."""

    def __init__(self, message: str) -> None:
        super().__init__("SerializationException", message)
