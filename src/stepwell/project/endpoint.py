"""A botocore client of a Stepwell endpoint: the way in that every other client has too."""

from typing import Any

import botocore.session
from botocore.client import Config

from stepwell.project.plan import REGION


def client(service: str, endpoint_url: str, *, read_timeout_seconds: float, attempts: int) -> Any:
    """A client for `lambda`, `logs` or `stepfunctions`. A person's credentials stay unread: nothing goes to AWS."""
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
        aws_access_key_id="stepwell",
        aws_secret_access_key="stepwell",
        config=config,
    )
