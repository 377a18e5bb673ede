"""What the pages are made for is what the server sends."""

import runpy
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "console_schema.py"


def test_the_pages_are_made_for_these_replies() -> None:
    script = runpy.run_path(str(SCRIPT))
    assert script["FILE"].read_text() == script["text"](), "run: make console-types"
