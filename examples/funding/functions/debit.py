"""Takes an amount from an artist's account, which may be overdrawn by it."""

from cashier import open_cashier


def handler(event, context):
    if event["amount"] <= 0:
        raise ValueError("the amount must be above zero")
    entry = open_cashier().enter("debit", event, context.aws_request_id, lambda balance: {"amount": -event["amount"]})
    return {"id": entry["key"], "artist": event["artist"], "amount": event["amount"], "balance": entry["balance"]}
