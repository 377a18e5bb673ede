"""Writes console/src/api/schema.json from the server's types: `make console-types`."""

import json
from pathlib import Path

from stepwell.api.console.schema import schema

FILE = Path(__file__).resolve().parents[1] / "console/src/api/schema.json"


def text() -> str:
    """What the file should hold."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
    print(f"wrote {FILE.relative_to(FILE.parents[3])}")
