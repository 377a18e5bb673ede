"""Reports without a run."""

from stepwell.bench.certify import Certificate, Trial
from stepwell.bench.oracles import Verdict, Witness
from stepwell.bench.report import EXPECTED, MEASURES, Cell, Report, Row

GOOD = Certificate("dynamodb", (Trial("atomic counters", 900, 899, 0),))


def verdict(strategy: str, measure: str) -> Verdict:
    """As expected: 9 of 10, with a witness, or none of 412."""
    if measure in EXPECTED[strategy]:
        return Verdict(9, 10, (Witness(f"{strategy} broke at {measure}", ({"sequence": 1},)),))
    return Verdict(0, 412)


def report(**changed: Verdict) -> Report:
    """A run in which all was found as expected, but for verdicts given as `strategy__measure`."""
    changes = {tuple(name.replace("_", "-").split("--")): value for name, value in changed.items()}
    rows = tuple(
        Row(
            strategy,
            {
                measure: Cell(
                    changes.get((strategy, measure), verdict(strategy, measure)), 10, measure in EXPECTED[strategy]
                )
                for measure in MEASURES
            },
            refused=30,
            writes=40,
        )
        for strategy in EXPECTED
    )
    return Report(
        run="7-1", seed=7, started_at="2026-03-01T12:00:00+00:00", seconds=20.4, clients=16,
        machine={"cores": "2 cores"}, versions={"stepwell": "0"}, certificates=(GOOD,), rows=rows,
    )  # fmt: skip
