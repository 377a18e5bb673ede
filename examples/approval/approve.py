"""What an approver does: see what lies on the desk, work on it, decide.

python approve.py list
python approve.py heartbeat NUMBER
python approve.py approve|reject NUMBER [--reason TEXT]
"""

import argparse
import json
import sys
from pathlib import Path

import boto3

sys.path.insert(0, str(Path(__file__).parent / "functions"))
from office import Office

DECISIONS = {"approve": "approved", "reject": "rejected"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["list", "heartbeat", *DECISIONS])
    parser.add_argument("number", nargs="?", help="of a request, as list shows it")
    parser.add_argument("--reason", default="")
    parser.add_argument("--endpoint-url", default="http://127.0.0.1:8083")
    parser.add_argument("--office", type=Path, default=Path("/tmp/stepwell-approval-office"))
    options = parser.parse_args()
    office = Office(options.office)
    requests = office.requests()
    if options.action == "list":
        for number, request in requests.items():
            print(f"{number}  {request['approver']}  {request['expense']}")
    elif options.number not in requests:
        sys.exit("There is no such request: `approve.py list` shows what there is.")
    else:
        act(office, client(options.endpoint_url), options, requests[options.number]["token"])


def act(office, sfn, options, token):
    try:
        if options.action == "heartbeat":
            sfn.send_task_heartbeat(taskToken=token)
            return
        verdict = {"decision": DECISIONS[options.action], "reason": options.reason}
        sfn.send_task_success(taskToken=token, output=json.dumps(verdict))
    except (sfn.exceptions.TaskTimedOut, sfn.exceptions.TaskDoesNotExist):
        office.clear(options.number)
        sys.exit("Too late: somebody else was asked, or it was decided without you.")
    office.clear(options.number)


def client(endpoint_url):
    return boto3.client(
        "stepfunctions",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="stepwell",
        aws_secret_access_key="stepwell",
    )


if __name__ == "__main__":
    main()
