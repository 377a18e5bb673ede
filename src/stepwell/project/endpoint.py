"""A botocore client of a Stepwell endpoint: the way in that every other client has too."""

import os
from pathlib import Path
from typing import Any

import botocore.session
from botocore.client import Config

from stepwell.api.credentials import VARIABLE, Key, read_credentials
from stepwell.project.plan import ACCOUNT, REGION

_ANYBODY = Key("stepwell", "stepwell", ACCOUNT)
"""For an endpoint that verifies no signatures."""


def client(
    service: str, endpoint_url: str, *, read_timeout_seconds: float, attempts: int, key: Key | None = None
) -> Any:
    """A client for `lambda`, `logs` or `stepfunctions`. A person's credentials stay unread: nothing goes to AWS.

    Without a `key` it signs with the first one of the file that STEPWELL_CREDENTIALS names, if any. Raises
    `CredentialsError`.
    """
    key = key or own_key()
    config = Config(
        inject_host_prefix=False,
        connect_timeout=5,
        read_timeout=read_timeout_seconds,
        retries={"total_max_attempts": attempts},
    )
    return botocore.session.get_session().create_client(
        service,
        region_name=REGION,
        endpoint_url=endpoint_url,
        aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
        config=config,
    )


def own_key() -> Key:
    """What the commands sign with. Raises `CredentialsError`."""
    path = os.environ.get(VARIABLE)
    return read_credentials(Path(path)).first if path else _ANYBODY
