"""Where each AWS service is: our own endpoint, an emulator, or AWS itself; and a client for it.

A client makes one request per call: whether a task is tried again is for its state machine's Retry to say, and what a
client repeats by itself nobody could see in a history. Clients are made once per service, region and account.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session
from botocore.utils import CLIENT_NAME_TO_HYPHENIZED_SERVICE_ID_OVERRIDES

from stepwell.awsmodels.services import find_service
from stepwell.functions.names import DEFAULT_ACCOUNT

REAL = "real"
"""Stands for AWS itself, with the credentials that the AWS SDKs find."""

OWN_SERVICES = frozenset({"stepfunctions", "lambda", "logs"})
"""What Stepwell serves itself, by botocore's names."""

CONNECTIONS = 64
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 70.0
"""Longer than the longest poll that a service offers, GetActivityTask's 60 s."""


class NoEndpoint(Exception):
    """Nobody has said where a service is; the text says how to."""


class BadEndpoint(ValueError):
    """The value of an option names no endpoint."""


def parse_endpoints(values: Iterable[str]) -> dict[str, str]:
    """What `--aws-endpoint` says, each URL, `real`, SERVICE=URL or SERVICE=real: botocore's name of a service, "" for
    all others, to a URL or `real`. Raises `BadEndpoint`.
    """
    found: dict[str, str] = {}
    for value in values:
        name, equals, where = value.partition("=")
        if not equals or "://" in name:
            name, equals, where = "", "", value
        if where != REAL and not where.startswith(("http://", "https://")):
            raise BadEndpoint(f"{value!r} is neither a URL nor {REAL!r}, perhaps with SERVICE= before it")
        found[service_folder(name) if equals else ""] = where
    return found


def service_folder(name: str) -> str:
    """botocore's name of a service, given that or the one that Resources use. Raises `BadEndpoint`."""
    if name in _client_names():
        return name
    model = find_service(name)
    if model is None:
        raise BadEndpoint(
            f"{name!r} is no AWS service: write it as in aws-sdk:SERVICE, such as dynamodb or eventbridge"
        )
    return str(model.service_name)


def _variable(service: str) -> str:
    """`AWS_ENDPOINT_URL_` and the service id in capitals: `events` is EVENTBRIDGE."""
    service_id = CLIENT_NAME_TO_HYPHENIZED_SERVICE_ID_OVERRIDES.get(service, service)
    return str(service_id).replace("-", "_").upper()


@cache
def _client_names() -> frozenset[str]:
    return frozenset(_session().get_available_services())


class Endpoints:
    """Finds services and makes clients for them. May be used from any thread."""

    def __init__(
        self,
        configured: Mapping[str, str] | None = None,
        own: Callable[[], str | None] = lambda: None,
        secret: Callable[[str], str] = lambda account: "stepwell",
    ) -> None:
        """`configured` is what `parse_endpoints` gives; `own` tells Stepwell's own URL once it is known.

        `secret` signs what is sent in the name of an account.
        """
        self._configured = dict(configured or {})
        self._own = own
        self._secret = secret
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, str], Any] = {}

    def url(self, service: str) -> str:
        """A service's URL, or `real`. Raises `NoEndpoint`."""
        if service in self._configured:
            return self._configured[service]
        found = self._own() if service in OWN_SERVICES else self._configured.get("")
        if found is None:
            raise NoEndpoint(
                f"Stepwell knows no endpoint of the service {service}. Name one with --aws-endpoint {service}=URL, "
                f"or with --aws-endpoint URL for all services; {REAL} instead of a URL means AWS itself."
            )
        return found

    def client(self, service: str, region: str, account: str = DEFAULT_ACCOUNT) -> Any:
        """A botocore client of a service by botocore's name for it (`stepfunctions`, `events`). Raises `NoEndpoint`.

        Emulators, and Stepwell itself, take the account from the access key.
        """
        url = self.url(service)
        key = service, region, account
        with self._lock:
            if key not in self._clients:
                self._clients[key] = _make(service, region, account, self._secret(account), url)
            return self._clients[key]

    def for_functions(self) -> tuple[str | None, dict[str, str]]:
        """The URL of all services, and those of single ones by their names in the variables of AWS's SDKs."""
        each = {
            _variable(service): url for service, url in self._configured.items() if service and url != REAL
        }  # fmt: skip
        default = self._configured.get("")
        return None if default == REAL else default, each

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()


_making = threading.Lock()
"""A session makes one client at a time."""


@cache
def _session() -> Session:
    """One for all: it keeps the models that it has read."""
    return Session()


def _make(service: str, region: str, account: str, secret: str, url: str) -> Any:
    shared: dict[str, Any] = {
        "retries": {"total_max_attempts": 1}, "max_pool_connections": CONNECTIONS, "parameter_validation": False,
        "connect_timeout": CONNECT_SECONDS, "read_timeout": ANSWER_SECONDS,
        # AWS's SDK asks for no checksum of what it reads, as recorded s3:getObject replies show.
        "response_checksum_validation": "when_required",
    }  # fmt: skip
    with _making:
        if url == REAL:
            return _session().create_client(service, region_name=region, config=Config(**shared))
        config = Config(**shared, inject_host_prefix=False, s3={"addressing_style": "path"}, proxies={})
        return _session().create_client(
            service, region_name=region, endpoint_url=url, config=config,
            aws_access_key_id=account, aws_secret_access_key=secret,
        )  # fmt: skip
