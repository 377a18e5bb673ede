"""The worker's clients, with the recorder between strategy and store; made when first needed and then kept.

A client makes one request for a call: a retry inside it would be a second write that the history does not show.
"""

import os
from functools import cached_property
from typing import Any

from stepwell.bench.worker.recorder import Recorder

REDIS = "redis"
"""The server that is meant where nothing is said."""

_READ_SECONDS = 2.0
"""Below the functions' time limit: a store that does not answer is an error of the call and not of the worker."""


def redis_variable(server: str) -> str:
    return f"BENCH_{server.upper().replace('-', '_')}"


class WorkerStores:
    """Of one worker process. The environment has AWS_ENDPOINT_URL, BENCH_POSTGRES, which is what psycopg connects to,
    and for each Redis server its host:port as BENCH_ and its name. `server` is the one that is meant.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.server = REDIS
        self._recorder = recorder
        self._redis: dict[str, Any] = {}

    @cached_property
    def dynamodb(self) -> Any:
        return self._aws("dynamodb")

    @cached_property
    def sqs(self) -> Any:
        return self._aws("sqs")

    @cached_property
    def s3(self) -> Any:
        return self._aws("s3")

    @property
    def redis(self) -> Any:
        from stepwell.bench.worker.redis_client import RecordedRedis

        if self.server not in self._redis:
            host, port = os.environ[redis_variable(self.server)].split(":")
            self._redis[self.server] = RecordedRedis(self._recorder, host, int(port), _READ_SECONDS)
        return self._redis[self.server]

    @cached_property
    def postgres(self) -> Any:
        from stepwell.bench.worker.postgres_client import RecordedPostgres

        return RecordedPostgres(self._recorder, os.environ["BENCH_POSTGRES"], _READ_SECONDS)

    def _aws(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            retries={"total_max_attempts": 1}, read_timeout=_READ_SECONDS, connect_timeout=_READ_SECONDS,
            s3={"addressing_style": "path"},
        )  # fmt: skip
        client = boto3.client(service, config=config)
        self._recorder.watch(client)
        return client
