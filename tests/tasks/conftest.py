import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "engine"))
sys.path.insert(0, str(Path(__file__).parent))

from taskhouse import House

from stepwell.store.memory import MemoryStore


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.engine.residents.RETRY_SECONDS", 0.005)
    monkeypatch.setattr("stepwell.engine.dispatch.RETRY_SECONDS", 0.005)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Everything that performs tasks but Lambda functions, which no definition of these tests calls."""
    functions: Any = None
    house = House(MemoryStore(), functions)
    await house.open()
    yield house
    await house.close()
