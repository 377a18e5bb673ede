"""What the tests of readers and writers share: a folder to read from, and pages put together."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from stepwell.asl.jsontext import Json
from stepwell.engine.tasks import ItemsPage
from stepwell.tasks.items.items import Items
from stepwell.tasks.items.results import ChildResult

GET = "arn:aws:states:::s3:getObject"
LIST = "arn:aws:states:::s3:listObjectsV2"
PUT = "arn:aws:states:::s3:putObject"
REGION = "us-east-1"
RUN = "arn:aws:states:us-east-1:123456789012:mapRun:Import/Rows:8a2f6c1e-0d31-4c2b-9d63-1f0e5b7a9c44"
"""A Map Run, and below the last colon its name."""

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:Import/Rows"

SUCCEEDED = ChildResult(
    execution_arn="arn:aws:states:us-east-1:123456789012:execution:Import/Rows:c0ffee", name="c0ffee",
    state_machine_arn=MACHINE, status="SUCCEEDED", input='{"row": 1}', output='[1, {"a": 2}]',
    started_at=1_700_000_000.5, stopped_at=1_700_000_001.25, redrive_status="NOT_REDRIVABLE",
    redrive_status_reason="Execution is SUCCEEDED and cannot be redriven",
)  # fmt: skip
"""A child that ended well."""

PLENTY = 1_000_000


def no_s3(region: str) -> Any:
    raise AssertionError("nothing here is in S3")


async def pages(
    items: Callable[[], Items],
    reader: dict[str, Json],
    most: int = PLENTY,
) -> list[ItemsPage]:
    """All pages, each read by what `items` gives."""
    found = [await items().read(reader, None, REGION, most, PLENTY)]
    while found[-1].cursor is not None:
        found.append(await items().read(reader, found[-1].cursor, REGION, most, PLENTY))
    return found


def joined(found: list[ItemsPage]) -> list[Json]:
    return [item for page in found for item in page.items]


class Lab:
    """A folder, and Items that may use it."""

    def __init__(self, folder: Path, **options: int) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._options = options
        self._made: list[Items] = []
        self.items = self.restarted()

    def restarted(self) -> Items:
        """As after a restart: nothing is kept but what the caller has."""
        self._made.append(Items(no_s3, [self.folder], **self._options))
        return self._made[-1]

    def close(self) -> None:
        for items in self._made:
            items.close()

    @property
    def bucket(self) -> str:
        return f"file://{self.folder}"

    def file(self, key: str, content: str | bytes) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def get(self, key: str, **config: Json) -> dict[str, Json]:
        """An ItemReader of one file."""
        return {"Resource": GET, "Parameters": {"Bucket": self.bucket, "Key": key}, "ReaderConfig": config}

    def listing(self, config: dict[str, Json], **parameters: Json) -> dict[str, Json]:
        return {"Resource": LIST, "Parameters": {"Bucket": self.bucket, **parameters}, "ReaderConfig": config}

    def read(self, key: str) -> bytes:
        return (self.folder / key).read_bytes()

    async def rows(self, key: str, content: str | bytes, **config: Json) -> list[Json]:
        """What is in a file; the same in one page and, with a restart after each item, in many."""
        self.file(key, content)
        reader = self.get(key, **config)
        at_once = joined(await pages(lambda: self.items, reader))
        assert joined(await pages(lambda: self.items, reader, most=2)) == at_once
        assert joined(await pages(self.restarted, reader, most=1)) == at_once
        return at_once


async def flow(results: list[ChildResult]) -> AsyncIterator[ChildResult]:
    for result in results:
        yield result
