"""Histories in a few words."""

from typing import Any

from stepwell.bench.history import Effect, Op, Status

RUN = "r/blind/hot-key"


class History:
    """Builds operations one second apart unless a test says otherwise."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.effects: list[Effect] = []

    def op(
        self, kind: str, request: str, status: Status = "ok", *, attempt: int = 1, worker: str = "w",
        key: str | None = None, argument: Any = None, result: Any = None, at: float | None = None,
        took: float | None = 0.5,
    ) -> None:  # fmt: skip
        at = float(len(self.ops)) if at is None else at
        self.ops.append(
            Op(
                id=str(len(self.ops)), run=RUN, request=request, attempt=attempt, worker=worker, key=key or request,
                kind=kind, argument=argument, result=result, intended_at=at, invoked_at=at,
                returned_at=None if took is None else at + took, status=status,
            )
        )  # fmt: skip

    def cycle(
        self, request: str, version: int, status: Status = "ok", *, key: str = "k", at: float | None = None
    ) -> None:
        """A read of `version` and the write that builds on it, by a worker of the request's name."""
        self.op("read", request, worker=request, key=key, result={"value": version, "version": version}, at=at)
        after = None if at is None else at + 0.6
        argument = {"value": version + 1, "version": version + 1}
        self.op("write", request, status, worker=request, key=key, argument=argument, at=after)

    def effect(self, request: str, type: str = "charge", attempt: int = 1) -> None:
        number = len(self.effects) + 1
        self.effects.append(
            Effect(
                sequence=number, run=RUN, request=request, type=type, key=None, attempt=attempt,
                worker=f"w{attempt}", at=float(number),
            )
        )  # fmt: skip
