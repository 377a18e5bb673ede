"""Whether an execution can be redriven, as far as its row and the time tell. AWS's rules, with AWS's words for them."""

from stepwell.machine import redrive
from stepwell.store.protocol import ExecutionRow

REDRIVABLE_SECONDS = 14 * 86_400
"""How long after its end an execution can be redriven. Source: RedriveExecution in AWS's API reference."""

OPEN_SECONDS_MAX = 365 * 86_400
"""How long an execution may be open. AWS does not say whether the time between two runs counts; here it does."""


def refusal(row: ExecutionRow, events: int, limits: str, now: float) -> str | None:
    """AWS's reason why an execution with so many events cannot be redriven now; None where it can."""
    reason = redrive.refusal(row.status, events, limits)
    if reason is not None or limits != "aws" or row.stopped_at is None:
        return reason
    if row.stopped_at - row.started_at >= OPEN_SECONDS_MAX:
        return "Execution has exceeded the max execution time"
    if now - row.stopped_at > REDRIVABLE_SECONDS:
        return "Execution redrivable period exceeded"
    return None
