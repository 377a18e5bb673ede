"""ItemBatcher: items to batches, each the input of one child.

Source of the rules: AWS's developer guide on ItemBatcher. A batch is full when it holds MaxItemsPerBatch items, or when
one more would make the child's input larger than MaxInputBytesPerBatch; where both are given the smaller batch wins.
"""

from collections.abc import Sequence

from stepwell.asl.errors import ITEM_READER_FAILED, RUNTIME, StatesError
from stepwell.asl.jsontext import Json
from stepwell.machine.payload import Payload

INPUT_BYTES_MAX = 262_144
"""AWS's largest MaxInputBytesPerBatch, which is also its quota of an input."""

_ENVELOPE = len('{"Items":[]}')
_BATCH_INPUT = len('"BatchInput":,')


class Batcher:
    """An evaluated ItemBatcher: `most_items` and `most_bytes` of a child's input. Raises `StatesError`."""

    def __init__(self, value: dict[str, Json]) -> None:
        self.most_items = _limit(value, "MaxItemsPerBatch", None)
        self.most_bytes = _limit(value, "MaxInputBytesPerBatch", INPUT_BYTES_MAX)
        self._given = value.get("BatchInput")
        self.overhead = _ENVELOPE
        if self._given is not None:
            self.overhead += _BATCH_INPUT + Payload(self._given).size

    def input_of(self, batch: Sequence[Payload]) -> Payload:
        """The input of the child that gets the batch."""
        items = [item.value for item in batch]
        return Payload({"Items": items} if self._given is None else {"BatchInput": self._given, "Items": items})


def _limit(value: dict[str, Json], field: str, most: int | None) -> int | None:
    found = value.get(field)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or found <= 0 or (most is not None and found > most):
        bound = "positive" if most is None else f"between 1 and {most}"
        raise StatesError(RUNTIME, f"field {field} must be {bound}")
    return found


def take_batches(items: Sequence[Payload], batcher: Batcher, last: bool) -> tuple[list[list[Payload]], list[Payload]]:
    """The full batches, and the items that are left for the next page; of the `last` page none are left."""
    batches: list[list[Payload]] = []
    batch: list[Payload] = []
    size = batcher.overhead
    for item in items:
        grown = size + item.size + (1 if batch else 0)
        if batch and batcher.most_bytes is not None and grown > batcher.most_bytes:
            batches.append(batch)
            batch, grown = [], batcher.overhead + item.size
        if batcher.most_bytes is not None and grown > batcher.most_bytes:
            # The text is ours.
            cause = f"One item alone makes a batch of {grown} bytes, more than the limit of {batcher.most_bytes} bytes"
            raise StatesError(ITEM_READER_FAILED, cause)
        batch.append(item)
        size = grown
        if batcher.most_items is not None and len(batch) >= batcher.most_items:
            batches.append(batch)
            batch, size = [], batcher.overhead
    if batch and last:
        batches.append(batch)
        batch = []
    return batches, batch
