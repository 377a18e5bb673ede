"""Before a back end is believed: a short hammer of 16 clients, which must lose nothing and must have met a race.

Emulators have been seen to lose conditional writes under threads. An anomaly found on such a one would be the
emulator's and not the strategy's, so its cells are invalid. The hammers speak HTTP by themselves: boto3 in one process
spends its time in the client and leaves the back end idle.
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from stepwell.bench.parts.backends import ACCOUNT, AWS, REDIS, SINK, STEPWELL
from stepwell.bench.worker.gateway import Gateway

CLIENTS = 16
_TIMEOUT_SECONDS = 10.0
_KEYS = 4096

Members = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trial:
    """What one hammer saw. `acknowledged` successes, `raced` tries that met another client, `wrong` of the former."""

    name: str
    acknowledged: int
    raced: int
    wrong: int

    @property
    def failure(self) -> str | None:
        if self.wrong:
            return f"{self.name}: {self.wrong} of {self.acknowledged} wrong"
        return None if self.raced else f"{self.name}: no two clients met"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Whether a back end may be believed, and what that rests on."""

    back_end: str
    trials: tuple[Trial, ...]

    @property
    def failure(self) -> str | None:
        return next((trial.failure for trial in self.trials if trial.failure), None)


def certify_dynamodb(address: str, table: str, seconds: float) -> Certificate:
    """Atomic counters, writes on a version, and creation on absence, each for a third of the time."""
    trials = (_counters, _versions, _creations)
    return Certificate(AWS, tuple(trial(address, table, seconds / len(trials)) for trial in trials))


def certify_redis(port: int, seconds: float) -> Certificate:
    """Atomic counters and creation on absence, each for half of the time."""
    from redis import Redis

    def count(keys: "Rounds", tally: "Tally") -> None:
        with Redis(port=port) as redis:
            for _ in keys:
                redis.incr("certify-counter")
                tally.add("counter", won=True)

    def create(keys: "Rounds", tally: "Tally") -> None:
        with Redis(port=port) as redis:
            for key in keys:
                tally.add(key, won=bool(redis.set(f"certify-{key}", "1", nx=True)))

    acknowledged = hammer(count, seconds / 2).wins["counter"]
    with Redis(port=port) as redis:
        final = int(redis.get("certify-counter") or 0)
    counters = Trial("atomic counters", acknowledged, max(acknowledged - 1, 0), abs(acknowledged - final))
    return Certificate(REDIS, (counters, hammer(create, seconds / 2).single_winner("creations on absence")))


def certify_sink(address: str, run: str, seconds: float) -> Certificate:
    """All clients charge with the same keys: each key must have been charged once."""

    def client(keys: "Rounds", tally: "Tally") -> None:
        gateway = Gateway(address)
        for key in keys:
            row = {"run": run, "request": key, "attempt": 1, "worker": "certify", "type": "charge"}
            reply = gateway.effect(row, f"{run}/{key}")
            tally.add(key, won=not reply["repeated"])

    tally = hammer(client, seconds)
    return Certificate(SINK, (tally.single_winner("charges with one key"),))


def certify_starts(start: Callable[[str], str | None], count: Callable[[], int], seconds: float) -> Certificate:
    """All clients start executions with the same names: each name must have started once.

    `start` gives what tells one start from another, None when it was refused; `count` how many executions there are.
    """
    started: dict[str, set[str]] = {}

    def client(keys: "Rounds", tally: "Tally") -> None:
        for key in keys:
            identity = start(key)
            if identity is not None:
                with tally.lock:
                    started.setdefault(key, set()).add(identity)
            tally.add(key, won=False)

    tally = hammer(client, seconds)
    surplus = sum(len(identities) - 1 for identities in started.values())
    wrong = max(surplus, abs(count() - len(started)))
    return Certificate(STEPWELL, (Trial("starts with one name", len(started), tally.raced, wrong),))


class Tally:
    """Who won which key, counted by many threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wins: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()

    def add(self, key: str, *, won: bool) -> None:
        with self.lock:
            self.tries[key] += 1
            self.wins[key] += won

    @property
    def raced(self) -> int:
        return sum(tries - 1 for tries in self.tries.values())

    def single_winner(self, name: str) -> Trial:
        """For keys that exactly one client may have won."""
        wrong = sum(abs(self.wins[key] - 1) for key in self.tries)
        return Trial(name, len(self.tries), self.raced, wrong)


class Rounds:
    """The same keys in the same order for each client, until the time is over."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def __iter__(self) -> Any:
        for number in range(_KEYS):
            if time.monotonic() > self._deadline:
                return
            yield f"key-{number}"


def hammer(client: Callable[[Rounds, Tally], None], seconds: float) -> Tally:
    """Runs the clients at once. Raises what a client raises: a back end in error is not certified."""
    tally = Tally()
    rounds = Rounds(time.monotonic() + seconds)
    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(client, rounds, tally) for _ in range(CLIENTS)]:
            done.result()
    return tally


def _counters(address: str, table: str, seconds: float) -> Trial:
    def client(keys: Rounds, tally: Tally) -> None:
        item = _Item(address, table, "certify-counter")
        addition = {"UpdateExpression": "ADD hits :one", "ExpressionAttributeValues": _number(":one", 1)}
        for _ in keys:
            item.call("UpdateItem", addition)
            tally.add("counter", won=True)

    acknowledged = hammer(client, seconds).wins["counter"]
    final = _Item(address, table, "certify-counter").number("hits")
    return Trial("atomic counters", acknowledged, max(acknowledged - 1, 0), abs(acknowledged - final))


def _versions(address: str, table: str, seconds: float) -> Trial:
    _Item(address, table, "certify-version").call("PutItem", {"Item": _number("version", 0)})

    def client(keys: Rounds, tally: Tally) -> None:
        item = _Item(address, table, "certify-version")
        for _ in keys:
            read = item.number("version")
            condition = {"ConditionExpression": "version = :read", "ExpressionAttributeValues": _number(":read", read)}
            reply = item.call("PutItem", {"Item": _number("version", read + 1)} | condition)
            tally.add("version", won=reply is not None)

    tally = hammer(client, seconds)
    won, tries = tally.wins["version"], tally.tries["version"]
    final = _Item(address, table, "certify-version").number("version")
    return Trial("writes on a version", won, tries - won, abs(won - final))


def _creations(address: str, table: str, seconds: float) -> Trial:
    def client(keys: Rounds, tally: Tally) -> None:
        for key in keys:
            item = _Item(address, table, f"certify-{key}")
            created = item.call("PutItem", {"Item": {}, "ConditionExpression": "attribute_not_exists(id)"})
            tally.add(key, won=created is not None)

    return hammer(client, seconds).single_winner("creations on absence")


class _Item:
    """One item of a DynamoDB table, over HTTP."""

    def __init__(self, address: str, table: str, name: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_SECONDS)
        self._table = table
        self._key = {"id": {"S": name}}

    def number(self, attribute: str) -> int:
        found = self.call("GetItem", {"ConsistentRead": True}) or {}
        return int(found["Item"][attribute]["N"])

    def call(self, operation: str, members: Members) -> Members | None:
        """The reply, or None when a condition did not hold. Raises `RuntimeError` for any other error."""
        place = {"Item": members["Item"] | self._key} if "Item" in members else {"Key": self._key}
        body = json.dumps({"TableName": self._table} | members | place)
        self._connection.request("POST", "/", body, {**_HEADERS, "X-Amz-Target": f"DynamoDB_20120810.{operation}"})
        reply = self._connection.getresponse()
        decoded: Members = json.loads(reply.read() or b"{}")
        if reply.status == 200:
            return decoded
        if "ConditionalCheckFailed" in decoded.get("__type", ""):
            return None
        raise RuntimeError(f"{operation}: {reply.status} {decoded}")


_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    # Emulators tell the service by the scope of a signature and do not verify it.
    "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=0",
}


def _number(name: str, value: int) -> Members:
    return {name: {"N": str(value)}}
