"""The approval again, with an end to the waiting: what is not answered in time is escalated."""

from functools import partial

from stepwell.bench.worker.call import Step
from stepwell.bench.worker.workloads import approval

EXPIRES_SECONDS = 3

STEPS: dict[str, Step] = approval.STEPS | {"wait": partial(approval.wait, patience_seconds=EXPIRES_SECONDS)}
