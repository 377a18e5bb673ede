"""Ends a debit: confirmed it stays, reversed its amount goes back to the account."""

from cashier import open_cashier


def handler(event, context):
    def decide(balance):
        # Money may have come between the debit and the request, when nobody could be woken: what is covered stands.
        if event["outcome"] == "reversed" and balance < 0:
            return {"amount": event["amount"], "outcome": "reversed"}
        return {"amount": 0, "outcome": "confirmed"}

    entry = open_cashier().enter("settle", event, context.aws_request_id, decide)
    return {"debit": event["debit"], "outcome": entry["outcome"], "balance": entry["balance"]}
