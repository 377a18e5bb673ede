"""Ends a debit: confirmed it stays, reversed its amount goes back to the account."""

from cashier import open_cashier


def handler(event, context):
    amount = event["amount"] if event["outcome"] == "reversed" else 0
    entry = open_cashier().enter("settle", event, context.aws_request_id, lambda balance: {"amount": amount})
    return {"debit": event["debit"], "outcome": event["outcome"], "balance": entry["balance"]}
