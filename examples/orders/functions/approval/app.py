"""Asks a person to approve an order: leaves the task token where `approve.py` finds it.

What this returns is not the answer; the workflow goes on when somebody sends the token back.
"""

import hashlib

from ledger import append, open_ledger


def handler(event, context):
    ledger = open_ledger()
    # A retry of the state has a new token, and only that one is waited for: so the token is a part of the key.
    token_hash = hashlib.sha256(event["token"].encode()).hexdigest()[:16]

    def ask():
        request = {"order": event["order"], "amount": event["amount"], "token": event["token"]}
        append(ledger.folder / "approvals.jsonl", request)
        return {}

    ledger.once("approval", event | {"key": f"{event['key']}/{token_hash}"}, context.aws_request_id, ask)
