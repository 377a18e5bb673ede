"""The file of keys: what is read, and that no error shows a secret."""

from pathlib import Path

import pytest

from stepwell.api.credentials import CredentialsError, Key, is_private, read_credentials

SECRET = "a secret, 16 long"
OPS = f"[ops]\naws_access_key_id = OPSKEY01\naws_secret_access_key = {SECRET}\naws_account_id = 111122223333\n"


def read(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "keys"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_keys_of_a_file(tmp_path: Path) -> None:
    reader = OPS.replace("ops", "reader").replace("OPSKEY01", "READKEY1")
    path = read(tmp_path, f"# ours\n{OPS}\n{reader}role = read-only\nexpires = 2030-01-01T00:00:00Z\n")
    keyring = read_credentials(path)
    assert keyring.first == keyring.find("OPSKEY01") == Key("OPSKEY01", SECRET, "111122223333")
    assert keyring.find("READKEY1") == Key("READKEY1", SECRET, "111122223333", "read-only", 1_893_456_000.0)
    assert keyring.find("NOBODY01") is None
    assert SECRET not in repr(keyring.first)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no section"),
        ("[ops]\n", "aws_access_key_id must be 8 to 128"),
        (OPS.replace("OPSKEY01", "111122223333"), "but not 12 digits alone"),
        (OPS.replace("OPSKEY01", "a b c d e"), "aws_access_key_id must be"),
        (OPS.replace(SECRET, "short"), "must have at least 16 characters"),
        (OPS.replace("111122223333", "1111"), "aws_account_id must be the 12 digits"),
        (OPS + "role = admin\n", "role must be all or read-only"),
        (OPS + "expires = soon\n", "expires must be a time"),
        (OPS + "aws_session_token = x\n", "unknown field aws_session_token"),
        (OPS + OPS.replace("ops", "two"), "two sections have the same aws_access_key_id"),
        (OPS + OPS, "not the format"),
        (OPS + SECRET, r"not the format of ~/.aws/credentials \(line 5\)|not the format"),
        (SECRET, "not the format"),
        (b"[ops]\n\xff\xfe", "not the format"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str | bytes, problem: str) -> None:
    path = read(tmp_path, text)
    with pytest.raises(CredentialsError, match=problem) as refused:
        read_credentials(path)
    assert str(path) in str(refused.value) and SECRET not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="nowhere: No such file"):
        read_credentials(tmp_path / "nowhere")


def test_who_can_read_the_file(tmp_path: Path) -> None:
    path = read(tmp_path, OPS)
    path.chmod(0o600)
    assert is_private(path)
    path.chmod(0o640)
    assert not is_private(path)
