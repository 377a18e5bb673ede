"""Asks for the money that is missing. The answer comes when somebody sends the token back: see `fund.py`."""

from cashier import open_cashier


def handler(event, context):
    open_cashier().ask({name: event[name] for name in ("artist", "debit", "missing", "token")})
