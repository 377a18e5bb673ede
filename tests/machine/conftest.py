"""Property tests repeat themselves exactly, unless STEPWELL_SEED names other examples to look at."""

import os

from hypothesis import HealthCheck, settings

SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "steady", derandomize=True, deadline=None, print_blob=True, suppress_health_check=SLOW_IS_FINE
)  # fmt: skip
settings.register_profile("explore", deadline=None, database=None, suppress_health_check=SLOW_IS_FINE)
settings.load_profile("explore" if "STEPWELL_SEED" in os.environ else "steady")
