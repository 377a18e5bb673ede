"""The results that are shown are those of the committed runs, and what surprised in them is explained."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_committed_runs_say() -> None:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        from results import document
    finally:
        sys.path.pop(0)
    assert (ROOT / "docs" / "benchmark" / "results.md").read_text("utf-8") == document()
