import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "engine"))
sys.path.insert(0, str(Path(__file__).parent))

from processes import ServerProcess, free_port, shared_folder


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """A server of its own for a module's tests."""
    with shared_folder() as folder:
        server = ServerProcess(folder, free_port())
        yield server
        server.kill()
