"""Asks an approver. The answer comes when somebody sends the token back: see `approve.py`."""

from office import open_office


def handler(event, context):
    open_office().ask(event["key"], {name: event[name] for name in ("approver", "expense", "token")})
