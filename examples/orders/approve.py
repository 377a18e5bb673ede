"""Answers the orders that wait for approval, by sending their task tokens back.

python approve.py [--endpoint-url URL] [--ledger FOLDER] [--reject-above AMOUNT]
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

sys.path.insert(0, str(Path(__file__).parent / "layers/ledger/python"))
from ledger import read_lines

REJECT_ABOVE = 5000
_ALREADY_ANSWERED = ("TaskTimedOut", "TaskDoesNotExist")


def waiting(ledger: Path) -> dict[str, dict[str, Any]]:
    """The last request of each order: a retry asks anew, with the only token that still counts."""
    return {request["order"]: request for request in read_lines(ledger / "approvals.jsonl")}


def answer(sfn: Any, request: dict[str, Any], approved: bool) -> bool:
    """Sends the verdict; False when the token was answered before."""
    try:
        if approved:
            sfn.send_task_success(taskToken=request["token"], output='{"approved": true}')
        else:
            sfn.send_task_failure(taskToken=request["token"], error="OrderRejected", cause="Not approved.")
    except ClientError as error:
        if error.response["Error"]["Code"] not in _ALREADY_ANSWERED:
            raise
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint-url", default="http://127.0.0.1:8083")
    parser.add_argument("--ledger", type=Path, default=Path("/tmp/stepwell-orders-ledger"))
    parser.add_argument("--reject-above", type=float, default=REJECT_ABOVE)
    options = parser.parse_args()
    sfn = boto3.client(
        "stepfunctions",
        endpoint_url=options.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="stepwell",
        aws_secret_access_key="stepwell",
    )
    for order, request in waiting(options.ledger).items():
        approved = request["amount"] <= options.reject_above
        if answer(sfn, request, approved):
            print(f"{order} ({request['amount']}): {'approved' if approved else 'rejected'}")


if __name__ == "__main__":
    main()
