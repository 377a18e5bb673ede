"""Takes the goods of an order from the stock."""

from ledger import open_ledger


def handler(event, context):
    def reserve():
        return {"reservation": f"res-{event['order']}", "quantity": event["quantity"]}

    return open_ledger().once("reserve", event, context.aws_request_id, reserve)
