"""`python benchmarks/expected.py RUN`: exits with 1 when a run found something else than was expected of it."""

import sys
from pathlib import Path

from stepwell.bench.report.findings import disagreements
from stepwell.bench.report.stored import parse

if __name__ == "__main__":
    report = parse((Path(sys.argv[1]) / "report.json").read_bytes())
    surprises = disagreements(report)
    print(f"{len(report.outcomes)} cells, {len(surprises)} otherwise than expected", *surprises, sep="\n  ")
    sys.exit(1 if surprises else 0)
