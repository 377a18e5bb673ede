"""Hammers for what only some strategies rest on: transactions, conditional objects, FIFO groups, scripts, PostgreSQL.

As in `certify`: 16 clients at once, which must lose nothing and must have met a race.
"""

import threading
import time
from collections.abc import Collection
from typing import Any

from botocore.exceptions import ClientError

from stepwell.bench.catalog import FIFO, S3_VERSIONED, STRATEGIES, TRANSACTION
from stepwell.bench.load.deploy import Deployment
from stepwell.bench.parts.backends import AWS, POSTGRES, REDIS, BackEnds
from stepwell.bench.parts.certify import Certificate, Rounds, Tally, Trial, hammer
from stepwell.bench.parts.postgresql import address

_MESSAGES = 24
_PATIENCE_SECONDS = 5.0
_REFUSED = frozenset({"TransactionCanceledException", "PreconditionFailed", "ConditionalRequestConflict"})


def certify_more(
    strategies: Collection[str], deployment: Deployment, running: BackEnds, seconds: float
) -> tuple[Certificate, ...]:
    """What these strategies rest on beyond what is always certified, each for so long."""
    trials: dict[str, list[Trial]] = {AWS: [], REDIS: [], POSTGRES: []}
    if TRANSACTION in strategies:
        trials[AWS].append(transactions(deployment.dynamodb, deployment.table, seconds))
    if S3_VERSIONED in strategies:
        trials[AWS].append(objects(deployment.s3, deployment.bucket, seconds))
    if any(STRATEGIES[name].delivery == FIFO for name in strategies):
        trials[AWS].append(groups(deployment.sqs, deployment.queues["fifo"]))
    for server in {STRATEGIES[name].redis for name in strategies} - {None}:
        place = running.proxied[str(server)]
        trials.setdefault(str(server), []).append(scripts(int(place.partition(":")[2]), seconds))
    if POSTGRES in running.proxied:
        trials[POSTGRES].append(rows(running.proxied[POSTGRES], seconds))
    return tuple(Certificate(name, tuple(found)) for name, found in trials.items() if found)


def transactions(dynamodb: Any, table: str, seconds: float) -> Trial:
    """Each makes a row that nobody has made and adds one to a counter: as many rows as are counted."""

    def client(keys: Rounds, tally: Tally) -> None:
        for key in keys:
            row = {"TableName": table, "Item": {"id": {"S": f"certify-both-{key}"}}}
            count = {
                "TableName": table, "Key": {"id": {"S": "certify-both"}}, "UpdateExpression": "ADD hits :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }  # fmt: skip
            both = [{"Put": row | {"ConditionExpression": "attribute_not_exists(id)"}}, {"Update": count}]
            tally.add(key, won=_applied(dynamodb.transact_write_items, TransactItems=both))

    tally = hammer(client, seconds)
    found = dynamodb.get_item(TableName=table, Key={"id": {"S": "certify-both"}}, ConsistentRead=True)
    lost = abs(int(found["Item"]["hits"]["N"]) - tally.wins.total())
    single = tally.single_winner("transactions")
    return Trial(single.name, single.acknowledged, single.raced, single.wrong + lost)


def objects(s3: Any, bucket: str, seconds: float) -> Trial:
    """Each replaces the object that it has read, if it is still that one: as many replacements as the object says."""
    place = {"Bucket": bucket, "Key": "certify"}
    s3.put_object(**place, Body="0")

    def client(keys: Rounds, tally: Tally) -> None:
        for _ in keys:
            found = s3.get_object(**place)
            next_number = int(found["Body"].read()) + 1
            tally.add("object", won=_applied(s3.put_object, **place, Body=str(next_number), IfMatch=found["ETag"]))

    return _counted("objects replaced by ETag", hammer(client, seconds), int(s3.get_object(**place)["Body"].read()))


def groups(sqs: Any, url: str) -> Trial:
    """All take from one message group: its messages come once, in their order, and one at a time."""
    for number in range(_MESSAGES):
        fifo = {"MessageGroupId": "certify", "MessageDeduplicationId": f"certify-{number}"}
        sqs.send_message(QueueUrl=url, MessageBody=str(number), **fifo)
    lock, came, taken, wrong = threading.Lock(), list[int](), [0], [0]

    def client(keys: Rounds, tally: Tally) -> None:
        for _ in keys:
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1).get("Messages", ())
            tally.add("group", won=bool(messages))
            for message in messages:
                with lock:
                    wrong[0] += taken[0]
                    taken[0] += 1
                    came.append(int(message["Body"]))
                time.sleep(0.002)
                with lock:
                    taken[0] -= 1
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            if len(came) >= _MESSAGES:
                return

    tally = hammer(client, _PATIENCE_SECONDS)
    out_of_order = sum(number != place for place, number in enumerate(came)) + abs(len(came) - _MESSAGES)
    return Trial("messages of one group", len(came), tally.tries["group"] - len(came), wrong[0] + out_of_order)


_COMPARE_AND_SET = """
if tonumber(redis.call('GET', KEYS[1]) or 0) ~= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] + 1)
return 1
"""


def scripts(port: int, seconds: float) -> Trial:
    """Each raises the number that it has read, if it is still that one."""
    from redis import Redis

    def client(keys: Rounds, tally: Tally) -> None:
        with Redis(port=port) as redis:
            for _ in keys:
                number = int(redis.get("certify-script") or 0)
                tally.add("script", won=bool(redis.eval(_COMPARE_AND_SET, 1, "certify-script", str(number))))

    tally = hammer(client, seconds)
    with Redis(port=port) as redis:
        return _counted("compare and set by script", tally, int(redis.get("certify-script") or 0))


def rows(place: str, seconds: float) -> Trial:
    """Each raises the version that it has read, if it is still that one."""
    import psycopg

    with psycopg.connect(address(place), autocommit=True) as connection:
        connection.execute("INSERT INTO records VALUES ('certify', 0, 0) ON CONFLICT (id) DO UPDATE SET version = 0")

    def client(keys: Rounds, tally: Tally) -> None:
        with psycopg.connect(address(place), autocommit=True) as connection:
            for _ in keys:
                version = _version(connection)
                update = "UPDATE records SET version = version + 1 WHERE id = 'certify' AND version = %s"
                tally.add("row", won=bool(connection.execute(update, [version]).rowcount))

    tally = hammer(client, seconds)
    with psycopg.connect(address(place)) as connection:
        return _counted("rows updated by version", tally, _version(connection))


def _version(connection: Any) -> int:
    [version] = connection.execute("SELECT version FROM records WHERE id = 'certify'").fetchone()
    return int(version)


def _counted(name: str, tally: Tally, final: int) -> Trial:
    """For one thing that each success has raised by one."""
    won = tally.wins.total()
    return Trial(name, won, tally.tries.total() - won, abs(won - final))


def _applied(operation: Any, **parameters: Any) -> bool:
    try:
        operation(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] in _REFUSED:
            return False
        raise
    return True
