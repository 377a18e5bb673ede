import pytest
from tests.bench.histories import History


@pytest.fixture
def history() -> History:
    return History()
