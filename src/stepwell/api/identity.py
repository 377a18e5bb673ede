"""Who calls, as far as it matters here: the account and the region that a request names."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from stepwell.functions.names import DEFAULT_ACCOUNT, DEFAULT_REGION

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([a-z0-9-]+)/")
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)


class Identity(NamedTuple):
    account: str
    region: str


def identity(headers: Mapping[str, str]) -> Identity:
    """Account and region from the credential scope of a Signature Version 4 `Authorization` header.

    An access key id of exactly 12 digits is the account; any other key, and no signature at all, mean the default
    account. This is a name, not a proof: where signatures are verified, that was done before, and the account that the
    key belongs to stands in its place (`authentication`).
    """
    match = _CREDENTIAL.search(headers.get("authorization", ""))
    if match is None:
        return Identity(DEFAULT_ACCOUNT, DEFAULT_REGION)
    key, region = match.groups()
    return Identity(key if _ACCOUNT.fullmatch(key) else DEFAULT_ACCOUNT, region)
