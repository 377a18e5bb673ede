import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from itemslab import Lab

from stepwell.bench.parts.aws import client
from stepwell.bench.parts.backends import emulator
from stepwell.processes.children import START_SECONDS, free_ports


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A folder that is open to definitions, in one that is not."""
    lab = Lab(tmp_path / "open")
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of an S3 that is played by the emulator."""
    [port] = free_ports(1)
    server = emulator(tmp_path_factory.mktemp("emulator"), port)
    server.start()
    try:
        server.wait(time.monotonic() + START_SECONDS)
        yield client("s3", f"http://127.0.0.1:{port}")
    finally:
        server.stop()
