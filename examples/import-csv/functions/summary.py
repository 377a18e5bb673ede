"""Says how an import went, out of the files that the ResultWriter wrote."""

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit


def handler(event, context):
    bucket = event["ResultWriterDetails"]["Bucket"]
    files = read(bucket, event["ResultWriterDetails"]["Key"])["ResultFiles"]
    done = [json.loads(child["Output"]) for child in children(bucket, files["SUCCEEDED"])]
    failed = list(children(bucket, files["FAILED"]))
    bad = [row for batch in done for row in batch["bad"]]
    return {
        "imported": sum(batch["imported"] for batch in done),
        "bad": len(bad),
        "firstBad": bad[:10],
        "batches": {"succeeded": len(done), "failed": len(failed)},
        "failedRows": sum(len(json.loads(child["Input"])["Items"]) for child in failed),
        "firstFailed": [{"batch": child["Name"], "error": child.get("Error")} for child in failed[:10]],
    }


def children(bucket, files):
    for file in files:
        yield from read(bucket, file["Key"])


def read(bucket, key):
    """A JSON object of a bucket, or of a folder that plays one."""
    if bucket.startswith("file://"):
        return json.loads((Path(unquote(urlsplit(bucket).path)) / key).read_bytes())
    import boto3

    return json.load(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"])
