"""Pays money into an artist's account and wakes the debits that waited for it.

python fund.py ARTIST AMOUNT [--endpoint-url URL] [--cashier FOLDER]
"""

import argparse
import json
import sys
import uuid
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

sys.path.insert(0, str(Path(__file__).parent / "functions"))
from cashier import Cashier, read_lines

_ALREADY_ANSWERED = ("TaskTimedOut", "TaskDoesNotExist")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artist")
    parser.add_argument("amount", type=float)
    parser.add_argument("--endpoint-url", default="http://127.0.0.1:8083")
    parser.add_argument("--cashier", type=Path, default=Path("/tmp/stepwell-funding-cashier"))
    options = parser.parse_args()
    cashier = Cashier(options.cashier)
    payment = str(uuid.uuid4())
    event = {"key": payment, "artist": options.artist}
    balance = cashier.enter("fund", event, payment, lambda _: {"amount": options.amount})["balance"]
    print(f"{options.artist} has {balance}")
    if balance >= 0:
        wake(cashier, options.artist, options.endpoint_url)


def wake(cashier: Cashier, artist: str, endpoint_url: str) -> None:
    sfn = boto3.client(
        "stepfunctions",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="stepwell",
        aws_secret_access_key="stepwell",
    )
    for request in read_lines(cashier.folder / "requests.jsonl"):
        if request["artist"] != artist:
            continue
        try:
            sfn.send_task_success(taskToken=request["token"], output=json.dumps({"funded": True}))
            print(f"{request['debit']} is funded")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ALREADY_ANSWERED:
                raise


if __name__ == "__main__":
    main()
