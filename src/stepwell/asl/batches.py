"""ItemBatcher: items in groups, each the input of one child."""

from collections.abc import Iterable, Iterator

from stepwell.asl.errors import ITEM_READER_FAILED, StatesError
from stepwell.asl.jsontext import Json, encode

BATCH_BYTES_MAX = 262_144
"""AWS's limit of an input, which also bounds a batch whose ItemBatcher names a number of items alone."""


def size_bytes(value: Json) -> int:
    """How large AWS takes a value to be: the bytes of its JSON text in UTF-8."""
    text = encode(value)
    return len(text) if text.isascii() else len(text.encode())


def batches(
    items: Iterable[Json], max_items: int | None = None, max_bytes: int = BATCH_BYTES_MAX, batch_input: Json = None
) -> Iterator[dict[str, Json]]:
    """Inputs of children, each with at most `max_items` and no larger than `max_bytes`, `BatchInput` included.

    The last one may be small. Raises `StatesError` for an item that is too large on its own.
    """
    envelope: dict[str, Json] = {} if batch_input is None else {"BatchInput": batch_input}
    empty = size_bytes({**envelope, "Items": []})
    held: list[Json] = []
    size = empty
    for item in items:
        added = size_bytes(item)
        if held and (len(held) == max_items or size + len(",") + added > max_bytes):
            yield {**envelope, "Items": held}
            held, size = [], empty
        size += added + (len(",") if held else 0)
        if size > max_bytes:
            raise _too_large(size, max_bytes)
        held.append(item)
    if held:
        yield {**envelope, "Items": held}


def _too_large(size: int, max_bytes: int) -> StatesError:
    # The text is ours: the reference has none.
    cause = f"One item alone makes a batch of {size} bytes, which is more than the limit of {max_bytes} bytes"
    return StatesError(ITEM_READER_FAILED, cause)
