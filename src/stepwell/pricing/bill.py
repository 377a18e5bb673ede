"""What is billed for work: how AWS rounds it, what it is called in the price file, and what it comes to.

Free tiers and volume discounts are ignored, as the price file ignores them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.pricing.prices import Price, Prices

TRANSITION = "states.transition"
EXPRESS_REQUEST = "states.express_request"
EXPRESS_GB_SECOND = "states.express_gb_second"
FUNCTION_REQUEST = "lambda.request"
FUNCTION_GB_SECOND = "lambda.gb_second"
"""Names in the price file."""

EXPRESS_STEP_MILLISECONDS = 100
EXPRESS_CHUNK_MB = 64
"""What AWS bills an Express execution for at least, and in steps of. Source: AWS's price page of Step Functions."""

EXPRESS_BASE_MB = 50
"""What an Express execution takes beside its definition and its payloads. Source: the same page."""

Quantities = Mapping[str, float]
"""How much of what, by the names of the price file."""


@dataclass(frozen=True, slots=True)
class Line:
    """So much of one item of the price file."""

    item: str
    quantity: float
    price: Price

    @property
    def dollars(self) -> float:
        return self.quantity * self.price.each


def bill(quantities: Quantities, prices: Prices) -> list[Line]:
    """A line for each item of which there is any, in the order of the price file."""
    return [Line(item, quantities[item], price) for item, price in prices.items.items() if quantities.get(item)]


def express_billed(seconds: float, definition_bytes: int, payload_bytes: int) -> tuple[int, int]:
    """The milliseconds and the MB that an Express execution is billed: each step and each chunk begun, in full."""
    steps = max(1, math.ceil(seconds * 1000 / EXPRESS_STEP_MILLISECONDS))
    memory_mb = EXPRESS_BASE_MB + (definition_bytes + payload_bytes) / 2**20
    return steps * EXPRESS_STEP_MILLISECONDS, math.ceil(memory_mb / EXPRESS_CHUNK_MB) * EXPRESS_CHUNK_MB


def gb_seconds(milliseconds: float, memory_mb: float) -> float:
    """What both Express executions and functions pay for beside each request."""
    return milliseconds / 1000 * memory_mb / 1024
