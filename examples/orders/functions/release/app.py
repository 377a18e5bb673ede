"""Puts the goods of an order back: the compensation of a reservation."""

from ledger import open_ledger


def handler(event, context):
    def release():
        return {"released": event["reservation"]}

    return open_ledger().once("release", event, context.aws_request_id, release)
