"""Pays an expense back, or refuses it. Once for each execution: a second delivery finds the first one's entry."""

from office import open_office


def handler(event, context):
    outcome = "paid" if event["verdict"]["decision"] == "approved" else "refused"
    entry = {"employee": event["employee"], "amount": event["amount"], "outcome": outcome}
    return open_office().book(event["key"], entry)
