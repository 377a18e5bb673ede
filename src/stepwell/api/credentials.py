"""Access keys that may call an endpoint, from a file in the format of `~/.aws/credentials`.

The same file serves both sides: the server reads every section, and an SDK finds its own key there by the name of its
profile. `aws_account_id` is the SDKs' name for the account; `role` and `expires` are ours.
"""

import configparser
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

VARIABLE = "STEPWELL_CREDENTIALS"
"""Names the file where no option does."""

ALL, READ_ONLY = "all", "read-only"

FILE_BYTES_MAX = 1 << 20

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_ID = re.compile(r"\w{8,128}", re.ASCII)
_SECRET_CHARACTERS_MIN = 16
_FIELDS = frozenset({"aws_access_key_id", "aws_secret_access_key", "aws_account_id", "role", "expires"})


class CredentialsError(Exception):
    """The file of credentials cannot be used. The text names the place and what to do about it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One access key. `role` is `all` or `read-only`; `expires_at` is epoch seconds."""

    id: str
    secret: str = field(repr=False)
    account: str
    role: str = ALL
    expires_at: float | None = None


class Keyring:
    """The keys that an endpoint knows: those configured, and one for the functions of each account."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.id: key for key in keys}
        secrets = "\0".join(sorted(key.secret for key in self._keys.values()))
        self._root = hashlib.sha256(secrets.encode()).digest()

    @property
    def first(self) -> Key:
        """The key of the file's first section: what the server's own commands sign with."""
        return next(iter(self._keys.values()))

    def find(self, id: str) -> Key | None:
        """The key with this id."""
        return self._keys.get(id) or (self.function_key(id) if _ACCOUNT.fullmatch(id) else None)

    def function_key(self, account: str) -> Key:
        """What functions of an account sign with.

        Its id is the account, which emulators of other services read there too. The secret follows from the configured
        ones, so it is the same on every node and changes with them.
        """
        secret = hmac.new(self._root, f"functions of {account}".encode(), hashlib.sha256).hexdigest()
        return Key(account, secret, account)


def read_credentials(path: Path) -> Keyring:
    """The keys of a file. Raises `CredentialsError`."""
    parser = configparser.RawConfigParser(default_section="")
    try:
        with path.open("rb") as file:
            parser.read_string(file.read(FILE_BYTES_MAX).decode(), str(path))
    except OSError as error:
        raise CredentialsError(f"credentials {path}: {error.strerror}") from None
    except (UnicodeDecodeError, configparser.Error) as error:
        # The parser's own message shows the line, which may well hold a secret.
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        raise CredentialsError(
            f"credentials {path}: this is not the format of ~/.aws/credentials{where}: "
            "write [name], then lines such as aws_access_key_id = ..."
        ) from None
    keys = [_key(path, name, dict(parser.items(name))) for name in parser.sections()]
    if not keys:
        raise CredentialsError(f"credentials {path}: there is no section: write [name], then the fields of a key")
    if len({key.id for key in keys}) < len(keys):
        raise CredentialsError(f"credentials {path}: two sections have the same aws_access_key_id: give each its own")
    return Keyring(keys)


def is_private(path: Path) -> bool:
    """Whether only its owner can read the file."""
    return not path.stat().st_mode & 0o077


def _key(path: Path, name: str, fields: dict[str, str]) -> Key:
    try:
        return _checked(fields)
    except ValueError as error:
        raise CredentialsError(f"credentials {path}, section [{name}]: {error}") from None


def _checked(fields: dict[str, str]) -> Key:
    if unknown := sorted(fields.keys() - _FIELDS):
        raise ValueError(f"unknown field {unknown[0]}: the fields are {', '.join(sorted(_FIELDS))}")
    id, secret = fields.get("aws_access_key_id", ""), fields.get("aws_secret_access_key", "")
    account, role = fields.get("aws_account_id", ""), fields.get("role", ALL)
    if not _ID.fullmatch(id) or _ACCOUNT.fullmatch(id):
        raise ValueError("aws_access_key_id must be 8 to 128 letters, digits and _, but not 12 digits alone")
    if len(secret) < _SECRET_CHARACTERS_MIN:
        raise ValueError(f"aws_secret_access_key must have at least {_SECRET_CHARACTERS_MIN} characters")
    if not _ACCOUNT.fullmatch(account):
        raise ValueError("aws_account_id must be the 12 digits of the account that the key acts in")
    if role not in (ALL, READ_ONLY):
        raise ValueError(f"role must be {ALL} or {READ_ONLY}")
    return Key(id, secret, account, role, _epoch(fields["expires"]) if "expires" in fields else None)


def _epoch(text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expires must be a time such as 2030-12-31T23:59:59Z") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
