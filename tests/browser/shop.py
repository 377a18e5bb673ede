"""The shop of examples/orders as `make demo` leaves it: an order that failed, and one that waits for approval."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import demo
import harness
from demo import CARRIER_DOWN

SEED, CLIENTS, SECONDS = 7, 12, 60


@contextmanager
def shop(orders: int = 0) -> Iterator[harness.Server]:
    """A server on the store that the demo's own code has left, started anew as `stepwell console` does.

    Before what it leaves come so many orders of all kinds, all ended.
    """
    with harness.work_folder("browser") as folder:
        server = harness.Server(folder)
        try:
            server.start()
            harness.deploy(server)
            with harness.clients(server, harness.make_orders("o", orders, SEED), CLIENTS, SECONDS) as (_, join):
                join()
            demo.leave(server)
            server.stop()
            server.start()
            yield server
        finally:
            server.stop()


def charges(server: harness.Server, order: str) -> int:
    """How often the ledger says that an order was charged."""
    effects = harness.read_effects(server.folder / "ledger")
    return sum(effect["call"] == "charge" and effect["order"] == order for effect in effects)


@contextmanager
def carrier_down(ledger: Path) -> Iterator[None]:
    """Within, an order that is to be shipped fails."""
    (ledger / CARRIER_DOWN).touch()
    yield
    (ledger / CARRIER_DOWN).unlink()
