"""As whom handlers run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stepwell.functions import privileges
from stepwell.functions.environment import RUNTIME_FOLDER

WHO = """
import os
def handler(event, context):
    for name in (os.environ["TMPDIR"], os.path.expanduser("~")):
        open(os.path.join(name, "file"), "w").close()
    open("/dev/stdout", "w").close()
    return [os.getuid(), os.getgid(), os.getgroups()]
"""


def test_the_notes_tell_the_truth(lab, service):
    """Whatever the machine allows, what is said about it is what handlers find, and they can do what AWS lets them."""
    (note,) = service.security_notes()
    uid, gid, groups = json.loads(lab.invoke(service, lab.create(service, WHO)).payload)
    if "'nobody'." in note and "will" not in note:
        assert uid not in (0, os.getuid()) and gid != 0 and groups == []
    else:
        assert uid == os.getuid() and gid == os.getgid()
        assert "as root" in note if uid == 0 else "as the user that runs Stepwell" in note


BECOME = """
import os, re, sys
sys.path.insert(0, sys.argv[1])
import bootstrap
bootstrap.become(65534, 65534)
print(os.getresuid(), os.getresgid(), os.getgroups())
print(re.search("NoNewPrivs:.*", open("/proc/self/status").read()).group())
"""


def test_privileges_are_given_up_for_good():
    command = [sys.executable, "-c", BECOME, str(RUNTIME_FOLDER)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if os.geteuid() == 0:
        nobody = "(65534, 65534, 65534)"
        assert result.stdout == f"{nobody} {nobody} []\nNoNewPrivs:\t1\n"
    else:
        assert "PermissionError" in result.stderr


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "seen"),
    [(0o755, 0o644, True), (0o711, 0o644, True), (0o700, 0o644, False), (0o755, 0o600, False)],
)
def test_what_others_can_read(tmp_path: Path, folder_mode: int, file_mode: int, seen: bool):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    (folder / "file").chmod(file_mode)
    folder.chmod(folder_mode)
    hidden = privileges._hidden([folder / "file"])
    # The folders above are the machine's: pytest makes its own private ones.
    above = privileges._hidden([tmp_path.parent])
    if above is not None:
        assert hidden is not None and hidden in folder.parents
    elif not privileges._permits(tmp_path, 0o001):
        assert hidden == tmp_path
    else:
        assert (hidden is None) == seen


def test_a_folder_that_is_not_there_cannot_be_read(tmp_path: Path):
    assert privileges._hidden([tmp_path / "nothing" / "here"]) is not None


def test_an_unreadable_interpreter_means_running_as_root_and_saying_so(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(privileges.os, "geteuid", lambda: 0)
    monkeypatch.setattr(privileges, "_hidden", lambda paths: Path("/root"))
    user, (note,) = privileges.worker_user(tmp_path)
    assert user is None and "as root" in note and "/root" in note
    monkeypatch.setattr(privileges, "_hidden", lambda paths: None)
    user, (note,) = privileges.worker_user(tmp_path)
    assert user is not None and 0 not in user and "nobody" in note
