"""psycopg with the recorder in between: each statement and each transaction is one operation of the history."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from stepwell.bench.worker.recorder import Recorder

Statement = tuple[str, Mapping[str, Any]]


class RecordedPostgres:
    """One connection, made anew when it was lost. Parameters are named; the operation is about the one named `id`."""

    def __init__(self, recorder: Recorder, address: str, timeout_seconds: float) -> None:
        self._recorder = recorder
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._connection: psycopg.Connection[Any] | None = None

    def select(self, statement: str, **parameters: Any) -> dict[str, Any] | None:
        """The first row, None when there is none."""
        self._recorder.begin("read", "postgres.Select", str(parameters["id"]), None)
        try:
            row = self._connected().execute(statement, parameters).fetchone()
        except psycopg.Error as error:
            self._recorder.end("info", type(error).__name__)
            raise
        found = dict(row) if row else None
        self._recorder.end("ok", found, len(str(found)))
        return found

    def transact(self, *statements: Statement) -> bool:
        """All of them or none: False when one of them changed nothing. The operation is about the last."""
        *_, (_, parameters) = statements
        size = sum(len(str(value)) for _, each in statements for value in each.values())
        self._recorder.begin("write", "postgres.Transaction", str(parameters["id"]), dict(parameters), size)
        try:
            applied = self._all_or_none(statements)
        except psycopg.Error as error:
            self._recorder.end("info", type(error).__name__)
            raise
        self._recorder.end("ok" if applied else "fail", None)
        return applied

    def _all_or_none(self, statements: tuple[Statement, ...]) -> bool:
        with self._connected().transaction() as transaction:
            for statement, parameters in statements:
                if not self._connected().execute(statement, parameters).rowcount:
                    raise psycopg.Rollback(transaction)
            return True
        return False

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            milliseconds = int(1000 * self._timeout_seconds)
            self._connection = psycopg.connect(
                self._address, autocommit=True, row_factory=dict_row, connect_timeout=2,
                options=f"-c statement_timeout={milliseconds}",
            )  # fmt: skip
        return self._connection
