"""A real server that kills itself: `crash_server.py PORT FOLDER [POINT NUMBER]`.

It gets SIGKILL from itself when it reaches the point for the NUMBER-th time. Without a point it appends the name of
every point that it reaches to FOLDER/reached.
"""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from stepwell.api.server import Server, serve


def recorder(path: Path) -> Callable[[str], None]:
    file = path.open("a", buffering=1)
    return lambda point: print(point, file=file)


def killer(fatal: str, number: int) -> Callable[[str], None]:
    reached: Counter[str] = Counter()

    def probe(point: str) -> None:
        reached[point] += 1
        if point == fatal and reached[point] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return probe


async def main(port: str, folder: str, *fate: str) -> None:
    root = Path(folder)
    probe = killer(fate[0], int(fate[1])) if fate else recorder(root / "reached")
    server = await Server.open(
        store_url=f"sqlite:{root / 'stepwell.db'}", data_dir=root / "data", limits="aws", probe=probe
    )
    await serve(server, "127.0.0.1", int(port), ready=lambda url: print(url, flush=True))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
