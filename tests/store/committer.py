"""Commits batches until it is killed, and prints the number of each when `commit` has returned. Usage: URL FIRST."""

import asyncio
import sys

from stepwell.store.open import open_store
from stepwell.store.protocol import OutboxEntry, StepCommit

EXECUTIONS = 7


async def main(url: str, first: int) -> None:
    store = await open_store(url)
    number = first
    while True:
        won = await store.commit([batch_step(f"execution-{index}", number) for index in range(EXECUTIONS)])
        assert all(won), number
        print(number, flush=True)
        number += 1


def batch_step(execution: str, sequence: int) -> StepCommit:
    return StepCommit(
        execution=execution,
        sequence=sequence,
        records=1,
        first_event_id=sequence,
        events=1,
        writer=b"",
        body=str(sequence).encode() * 50,
        timers={str(sequence): float(sequence)},
        outbox={str(sequence): OutboxEntry(b"command"), str(sequence - 1): None},
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
