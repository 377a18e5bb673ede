"""Deployment packages and layers: archives as documents, folders as their cache."""

import asyncio
import shutil
from pathlib import Path

from stepwell.functions.code import check_archive, folder_name, unpack
from stepwell.functions.documents import Documents
from stepwell.functions.errors import invalid_parameter

_CODE, _LAYER = "function-code", "function-layer"


class Archives:
    """Archives by the hash of their content, and layer versions, which name one each by their ARN."""

    def __init__(self, documents: Documents, root: Path) -> None:
        self._documents = documents
        self._root = root

    async def put(self, archive: bytes) -> str:
        """Check and keep an archive; its hash. Raises `LambdaError`."""
        await asyncio.to_thread(unpack, archive, self._root)
        digest = folder_name(archive)
        await self._documents.put(_CODE, digest, archive)
        return digest

    async def check(self, archive: bytes) -> None:
        """What `put` would say, as far as it can be known without unpacking. Raises `LambdaError`."""
        await asyncio.to_thread(check_archive, archive)

    async def read(self, digest: str) -> bytes | None:
        return await self._documents.get(_CODE, digest)

    async def folder(self, digest: str) -> Path:
        """Where the contents are on this machine."""
        folder = self._root / digest
        if folder.is_dir():
            return folder
        archive = await self.read(digest)
        if archive is None:
            raise invalid_parameter(f"The code with the hash {digest} is gone; update the function's code.")
        return await asyncio.to_thread(unpack, archive, self._root)

    async def put_layer(self, arn: str, archive: bytes) -> None:
        digest = await self.put(archive)
        await self._documents.put(_LAYER, arn, digest.encode())

    async def layer(self, arn: str) -> tuple[str, int]:
        """(hash, size in bytes) of a layer version. Raises `LambdaError` when there is none of this ARN."""
        digest = await self._documents.get(_LAYER, arn)
        archive = await self.read(digest.decode()) if digest is not None else None
        if digest is None or archive is None:
            raise invalid_parameter(f"Layer version {arn} does not exist.")
        return digest.decode(), len(archive)

    async def forget(self, digests: set[str], in_use: set[str]) -> None:
        """Drop the archives among `digests` that nothing uses. Their folders stay until the next start: a worker that
        runs may still import from one."""
        for digest in digests - in_use - await self._layers_in_use():
            await self._documents.delete(_CODE, digest)

    async def sweep(self, in_use: set[str]) -> None:
        """Remove folders that nothing uses, and what an interrupted unpacking left."""
        keep = in_use | await self._layers_in_use()
        await asyncio.to_thread(self._remove_all_but, keep)

    async def _layers_in_use(self) -> set[str]:
        return {digest.decode() for _arn, digest in await self._documents.list(_LAYER)}

    def _remove_all_but(self, keep: set[str]) -> None:
        for folder in self._root.iterdir():
            if folder.name not in keep:
                shutil.rmtree(folder, ignore_errors=True)
