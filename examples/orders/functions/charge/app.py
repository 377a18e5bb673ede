"""Charges a card at a payment gateway that takes its time and does not always answer.

Three cards behave in their own way: `declined` is refused; `lost-answer` is charged, but the gateway's first answer
never arrives, so that the workflow has to try again without charging twice; any other works.
"""

import os
import random
import time

from ledger import open_ledger


class PaymentDeclined(Exception):
    """The customer's bank said no: trying again is of no use."""


class GatewayTimeout(Exception):
    """The gateway did not answer: nobody knows whether it charged."""


def handler(event, context):
    ledger = open_ledger()
    charged_before = ledger.find(event["key"]) is not None

    def charge():
        if event["card"] == "declined":
            raise PaymentDeclined(f"the card of order {event['order']} was declined")
        wait_for_gateway()
        return {"charge": f"ch-{event['order']}", "amount": event["amount"]}

    result = ledger.once("charge", event, context.aws_request_id, charge)
    wait_for_gateway()
    if event["card"] == "lost-answer" and not charged_before:
        raise GatewayTimeout(f"no answer for order {event['order']}")
    return result


def wait_for_gateway():
    low, high = map(float, os.environ["GATEWAY_MILLISECONDS"].split("-"))
    time.sleep(random.uniform(low, high) / 1000)
