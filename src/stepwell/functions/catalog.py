"""The functions that exist: one document each, read through a short-lived cache."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import msgspec

from stepwell.functions.configuration import Configuration, is_latest, shown, unversioned
from stepwell.functions.documents import Documents
from stepwell.functions.errors import LambdaError, conflict
from stepwell.functions.names import LATEST, FunctionName

CACHE_SECONDS = 1.0
"""How long a function is served from memory. Another node's update shows after this time at the latest."""

_KIND = "function"


class Function(msgspec.Struct):
    """A function with all its versions.

    `latest` is the configuration of $LATEST; `versions` are the published ones by number; `code` names the archive of
    each version ($LATEST among them) by its hash in hexadecimal.
    """

    name: FunctionName
    latest: Configuration
    code: dict[str, str]
    versions: dict[str, Configuration] = {}
    next_version: int = 1
    tags: dict[str, str] = {}
    reserved_concurrency: int | None = None
    policy: dict[str, dict[str, Any]] = {}

    def version(self, qualifier: str | None) -> Configuration:
        """Its configuration. Raises `LambdaError` when there is no such version."""
        if is_latest(qualifier):
            return self.latest
        configuration = self.versions.get(qualifier or LATEST)
        if configuration is None:
            raise msgspec.structs.replace(self.name, qualifier=qualifier).missing()
        return configuration

    def all_versions(self) -> list[dict[str, Any]]:
        """$LATEST and the published versions, oldest first, as AWS shows them."""
        numbers = sorted(self.versions, key=int)
        return [shown(self.name, self.version(number), qualified=True) for number in [LATEST, *numbers]]

    def check_revision(self, revision_id: str | None) -> None:
        """Raises `LambdaError` when a caller changes a revision that is no longer the latest."""
        if revision_id is not None and revision_id != self.latest["RevisionId"]:
            raise LambdaError(
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
                "retrieve the latest Revision Id",
                412,
            )

    def publish(self, description: str | None) -> str:
        """Make a version of $LATEST unless the last one is the same; its number."""
        last = str(self.next_version - 1)
        if last in self.versions and unversioned(self.versions[last]) == unversioned(self.latest):
            return last
        number = str(self.next_version)
        self.next_version += 1
        configuration = self.latest | {"Version": number, "RevisionId": str(uuid4())}
        self.versions[number] = configuration | ({"Description": description} if description is not None else {})
        self.code[number] = self.code[LATEST]
        return number


class Catalog:
    """Reads and writes functions. Changes to one function are made one after another, within this process."""

    def __init__(self, documents: Documents, clock: Callable[[], float]) -> None:
        self._documents = documents
        self._clock = clock
        self._cache: dict[str, tuple[float, Function]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Function)

    async def get(self, name: FunctionName) -> Function:
        """For reading only: the object is shared. Raises `LambdaError` when there is no such function."""
        cached = self._cache.get(name.key)
        if cached is not None and 0 <= self._clock() - cached[0] < CACHE_SECONDS:
            return cached[1]
        return await self._read(name)

    async def of(self, account: str, region: str) -> list[Function]:
        """All functions of an account in a region, by name."""
        rows = await self._documents.list(_KIND, f"{account}/{region}/")
        return [self._decoder.decode(body) for _key, body in rows]

    async def code_in_use(self) -> set[str]:
        """The hashes of all archives that some version needs."""
        rows = await self._documents.list(_KIND)
        return {digest for _key, body in rows for digest in self._decoder.decode(body).code.values()}

    async def create(self, function: Function) -> None:
        """Raises `LambdaError` when the name is taken."""
        async with self._lock(function.name):
            if await self._documents.get(_KIND, function.name.key) is not None:
                raise conflict(f"Function already exist: {function.name.name}")
            await self._write(function)

    @asynccontextmanager
    async def changing(self, name: FunctionName) -> AsyncIterator[Function]:
        """The function, to be changed in the body; written when that ends without an exception."""
        async with self._lock(name):
            function = await self._read(name)
            self._cache.pop(name.key, None)
            yield function
            await self._write(function)

    async def delete(self, name: FunctionName) -> Function:
        """What was deleted. Raises `LambdaError` when there is no such function."""
        async with self._lock(name):
            function = await self._read(name)
            await self._documents.delete(_KIND, name.key)
            self._cache.pop(name.key, None)
            return function

    def _lock(self, name: FunctionName) -> asyncio.Lock:
        return self._locks.setdefault(name.key, asyncio.Lock())

    async def _read(self, name: FunctionName) -> Function:
        body = await self._documents.get(_KIND, name.key)
        if body is None:
            self._cache.pop(name.key, None)
            raise name.missing()
        function = self._decoder.decode(body)
        self._cache[name.key] = (self._clock(), function)
        return function

    async def _write(self, function: Function) -> None:
        await self._documents.put(_KIND, function.name.key, self._encoder.encode(function))
        self._cache[function.name.key] = (self._clock(), function)
