"""Makes a database of this release's schema: two machines, an execution that has ended and one that waits.

Run once per schema, by the first release that has it: python tests/data/stores/make.py
"""

import asyncio
import json
import lzma
import tempfile
from pathlib import Path

from stepwell.api.server import Server
from stepwell.engine.arns import STATE_MACHINE, parse_arn
from stepwell.engine.catalog import Logging
from stepwell.engine.starts import start_request
from stepwell.machine.payload import Payload
from stepwell.store.sqlite_file import SCHEMA_VERSION

OWNER = ("123456789012", "us-east-1")
PREFIX = "arn:aws:states:us-east-1:123456789012:"
GREETER = {"P": {"Type": "Pass", "Result": "hello", "ResultPath": "$.greeting", "End": True}}


async def make(folder: Path) -> None:
    url = f"sqlite:{folder / 'made.sqlite'}"
    server = await Server.open(store_url=url, data_dir=folder / "data", limits="aws")
    await server.start("http://127.0.0.1:1")
    activity = await server.catalog.create_activity(*OWNER, "sign", {})
    sign = {"Type": "Task", "Resource": activity.arn, "End": True}
    await create(server, "greeter", GREETER)
    await create(server, "approval", {"Pause": {"Type": "Wait", "Seconds": 5, "Next": "Sign"}, "Sign": sign})
    await server.engine.closed(await start(server, "greeter", "greeting", {"name": "Ada"}))
    await start(server, "approval", "waiting", {"order": 17, "note": "x" * 5000})
    await server.close()


async def create(server: Server, name: str, states: dict[str, object]) -> None:
    definition = json.dumps({"StartAt": next(iter(states)), "States": states})
    await server.catalog.create_state_machine(
        *OWNER, name=name, definition=definition, role="arn:aws:iam::123456789012:role/steps", type="STANDARD",
        logging=Logging(), tracing=False, encryption=None, tags={},
    )  # fmt: skip


async def start(server: Server, machine: str, name: str, input: object) -> str:
    arn = parse_arn(f"{PREFIX}stateMachine:{machine}", STATE_MACHINE)
    request = start_request(
        arn, *await server.catalog.state_machine(arn), at=server.engine.clock.now(), name=name,
        input=Payload.of_text(json.dumps(input)), limits="aws",
    )  # fmt: skip
    return (await server.engine.start_execution(request)).id


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(make(Path(made)))
        database = Path(made, "made.sqlite").read_bytes()
    Path(__file__).with_name(f"v{SCHEMA_VERSION}.sqlite.xz").write_bytes(lzma.compress(database, preset=9))
