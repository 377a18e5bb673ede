"""`python -m stepwell.bench.parts.dynamodb_layer PORT UPSTREAM_URL [FIRED_FILE]`: the layer, all of it off."""

import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from stepwell.bench.parts.dynamodb_layer.layer import Layer, application
from stepwell.bench.parts.dynamodb_layer.upstream import Upstream
from stepwell.bench.parts.proxy import LOOPBACK, FiredFile


def main(arguments: Sequence[str]) -> None:
    try:
        port, url, *files = arguments
        [path] = files or [""]
        # Of those that struck here none is followed by a death of this process, so that rows need not wait for a disk.
        layer = Layer(Upstream(url), FiredFile(Path(path), durable=False) if path else None)
        config = uvicorn.Config(
            application(layer), host=LOOPBACK, port=int(port), lifespan="off", log_level="warning",
            access_log=False, server_header=False, date_header=False, timeout_keep_alive=60,
        )  # fmt: skip
    except ValueError as cause:
        raise SystemExit(f"{cause}\nusage: PORT UPSTREAM_URL [FIRED_FILE]") from cause
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(sys.argv[1:])
