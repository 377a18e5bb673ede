"""Makes a report: what each customer owes. The job's item says how far it is, and that only one end is ever told.

An invocation may come twice. The second one goes on where a first one was cut off, and leaves alone what has ended.
"""

import json
import os
import time
from collections import defaultdict
from decimal import Decimal

import boto3

jobs = boto3.resource("dynamodb").Table(os.environ["JOBS"])
Refused = jobs.meta.client.exceptions.ConditionalCheckFailedException


def handler(event, context):
    job = event["job"]
    try:
        request = json.loads(move(job, ("WAITING", "RUNNING"), "RUNNING")["request"])
        move(job, ("RUNNING",), *report(request))
    except Refused:
        print(f"{job} has ended: nobody waits for the report any more")


def report(request):
    """The state that the job comes to, and what there is to tell."""
    time.sleep(request.get("takesSeconds", 0))
    owed = defaultdict(Decimal)
    for line in request["invoices"]:
        customer, _, amount = line.partition(" ")
        if not amount.replace(".", "", 1).isdecimal():
            return "FAILED", f"the invoice {line!r} has no amount"
        owed[customer] += Decimal(amount)
    return "DONE", ", ".join(f"{customer} owes {amount:.2f}" for customer, amount in sorted(owed.items()))


def move(job, before, state, told=""):
    """Moves the job on from one of the states before, and gives its item. Raises `Refused`."""
    allowed = {f":before{number}": name for number, name in enumerate(before)}
    return jobs.update_item(
        Key={"job": job},
        UpdateExpression="SET #state = :state, told = :told",
        ConditionExpression=f"#state IN ({', '.join(allowed)})",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": state, ":told": told, **allowed},
        ReturnValues="ALL_NEW",
    )["Attributes"]
