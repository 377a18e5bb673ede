"""Clients of the benchmark's own endpoints, as all that drives them has them."""

from typing import Any

import boto3
from botocore.config import Config

from stepwell.bench.parts.backends import ACCOUNT

REGION = "us-east-1"
_CONNECTIONS = 64


def client(service: str, url: str, answer_seconds: float = 30.0, region: str = REGION) -> Any:
    """A boto3 client that waits so long for an answer, and asks once.

    One call is one request: a delivery that the client repeats by itself would not be in the history.
    """
    config = Config(
        max_pool_connections=_CONNECTIONS, retries={"total_max_attempts": 1}, read_timeout=answer_seconds,
        inject_host_prefix=False, s3={"addressing_style": "path"},
    )  # fmt: skip
    return boto3.client(
        service, endpoint_url=url, region_name=region, aws_access_key_id=ACCOUNT, aws_secret_access_key="bench",
        config=config,
    )  # fmt: skip
