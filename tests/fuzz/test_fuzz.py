"""A short run of each fuzzer; `make fuzz` has the long ones."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from .targets import TARGETS

EXAMPLES = {"requests": 60, "definitions": 200}


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run(name: str) -> None:
    target, strategies = TARGETS[name]
    # Nothing is kept and nothing made smaller: a finding is made small by the long run.
    steady = settings(
        max_examples=EXAMPLES[name], derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    steady(given(**strategies)(target))()
