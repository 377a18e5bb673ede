"""Hands an order to the carrier, whose service is down while a file `carrier-down` lies in the ledger's folder."""

from ledger import CARRIER_DOWN, open_ledger


class CarrierUnavailable(Exception):
    """The carrier's service is down. No retrier waits for that: outages last, and a person redrives the order."""


def handler(event, context):
    ledger = open_ledger()

    def ship():
        if (ledger.folder / CARRIER_DOWN).exists():
            raise CarrierUnavailable(f"the carrier's service was down when order {event['order']} was to be shipped")
        return {"tracking": f"trk-{event['order']}"}

    return ledger.once("ship", event, context.aws_request_id, ship)
