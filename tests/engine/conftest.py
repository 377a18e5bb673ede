import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from enginelab import Lab

from stepwell.store.memory import MemoryStore
from stepwell.store.sqlite import SqliteStore


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that failed is asked again almost at once."""
    monkeypatch.setattr("stepwell.engine.residents.RETRY_SECONDS", 0.005)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    """Engines on a store in memory."""
    lab = Lab(MemoryStore())
    yield lab
    await lab.close()


@pytest.fixture(params=["memory", "sqlite"])
async def any_lab(request: Any, tmp_path: Path) -> AsyncIterator[Lab]:
    """Engines on a store of each kind."""
    store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "stepwell.db")
    lab = Lab(store)
    yield lab
    await lab.close()
    await store.close()
