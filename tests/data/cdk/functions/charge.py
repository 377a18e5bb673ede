"""Charges for a quantity, at the price that the layer knows."""

import os

from prices import PRICE


def handler(event, context):
    return {"amount": PRICE * event["quantity"], "currency": os.environ["CURRENCY"]}
