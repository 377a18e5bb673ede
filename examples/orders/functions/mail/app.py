"""Tells the customer that the order is on its way."""

from ledger import open_ledger


def handler(event, context):
    def send():
        return {"sent": f"order {event['order']}: {event['amount']} paid, on its way"}

    return open_ledger().once("mail", event, context.aws_request_id, send)
