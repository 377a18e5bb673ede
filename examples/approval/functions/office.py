"""The office: a desk for each approver, and a book of what became of expenses. Files that appear as a whole or not."""

import hashlib
import json
import os
import uuid
from pathlib import Path


class Office:
    def __init__(self, folder):
        self.folder = Path(folder)

    def ask(self, key, request):
        """Lays a request on the approver's desk. A retry has a new token, which takes the place of the old one."""
        number = _number(key)
        self._draft(request | {"number": number}).replace(self._made("desks") / f"{number}.json")

    def requests(self):
        """What lies on the desks, by number."""
        files = sorted(self._made("desks").glob("*.json"), key=lambda file: file.stat().st_mtime)
        return {file.stem: json.loads(file.read_bytes()) for file in files}

    def clear(self, number):
        """Takes a request off the desk."""
        (self._made("desks") / f"{number}.json").unlink(missing_ok=True)

    def book(self, key, entry):
        """Makes the one entry of this key and returns it; one that is there already counts."""
        file = self._made("book") / f"{_number(key)}.json"
        draft = self._draft(entry | {"key": key})
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return json.loads(file.read_bytes())

    def _draft(self, value):
        draft = self._made("drafts") / str(uuid.uuid4())
        with draft.open("x") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        return draft

    def _made(self, name):
        folder = self.folder / name
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            # Functions may run as another user than the approvers.
            folder.chmod(0o777)
        return folder


def _number(key):
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def open_office():
    """The office whose folder the function's environment names."""
    return Office(os.environ["OFFICE_DIR"])
