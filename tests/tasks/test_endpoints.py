"""Where AWS's services are, by what the options say."""

import pytest

from stepwell.tasks.endpoints import BadEndpoint, Endpoints, NoEndpoint, parse_endpoints

EMULATOR = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], {}),
        ([EMULATOR], {"": EMULATOR}),
        (["real"], {"": "real"}),
        ([f"dynamodb={EMULATOR}", "s3=real"], {"dynamodb": EMULATOR, "s3": "real"}),
        ([f"eventbridge={EMULATOR}"], {"events": EMULATOR}),
        (["https://host/a?b=c"], {"": "https://host/a?b=c"}),
        (["sqs=https://host/a?b=c"], {"sqs": "https://host/a?b=c"}),
    ],
)
def test_what_the_options_say(values: list[str], found: dict[str, str]) -> None:
    assert parse_endpoints(values) == found


@pytest.mark.parametrize("value", ["", "dynamodb", "dynamodb=", "ftp://host", f"nothing={EMULATOR}", "s3=REAL"])
def test_what_is_no_endpoint(value: str) -> None:
    with pytest.raises(BadEndpoint):
        parse_endpoints([value])


def test_one_service_before_all_and_our_own_before_both() -> None:
    endpoints = Endpoints({"": EMULATOR, "s3": "real"}, lambda: "http://own")
    assert endpoints.url("dynamodb") == EMULATOR
    assert endpoints.url("s3") == "real"
    assert endpoints.url("stepfunctions") == endpoints.url("lambda") == "http://own"
    assert Endpoints({"lambda": EMULATOR}, lambda: "http://own").url("lambda") == EMULATOR


def test_what_is_missing_is_said_with_the_option() -> None:
    with pytest.raises(NoEndpoint, match="--aws-endpoint sqs=URL"):
        Endpoints().client("sqs", "us-east-1")


def test_clients_are_shared_and_ask_once() -> None:
    endpoints = Endpoints({"": EMULATOR})
    client = endpoints.client("s3", "eu-west-1", "111122223333")
    assert client is endpoints.client("s3", "eu-west-1", "111122223333")
    assert client is not endpoints.client("s3", "eu-west-1")
    assert client.meta.endpoint_url == EMULATOR
    assert client.meta.config.retries == {"total_max_attempts": 1, "mode": "legacy"}
