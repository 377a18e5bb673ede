"""Where functions are kept: the one thing this package asks of a store."""

from typing import Protocol


class Documents(Protocol):
    """Named JSON documents, durable when the call returns.

    A body is opaque bytes; one kind, `function-code`, holds zip archives of up to 50 MB instead of JSON.
    """

    async def put(self, kind: str, key: str, body: bytes) -> None:
        """Write or replace one document."""

    async def get(self, kind: str, key: str) -> bytes | None:
        """Its body, or None."""

    async def delete(self, kind: str, key: str) -> None:
        """Remove it; one that is not there is no error."""

    async def list(self, kind: str, prefix: str = "") -> list[tuple[str, bytes]]:
        """All (key, body) whose key begins with `prefix`, sorted by key."""
