"""The same plan several times: each repetition has fresh back ends, stores and a seed of its own."""

from collections.abc import Sequence
from dataclasses import replace

from stepwell.bench.plan import Plan
from stepwell.bench.report.data import Report
from stepwell.bench.run import Notify, Settings, run


def repeated(plan: Plan, settings: Settings, times: int, notify: Notify) -> Report:
    """One report of all. The histories of each are in a folder of its own. Raises what `run` raises."""
    if times == 1:
        return run(plan, settings, notify)
    reports = []
    for number in range(times):
        name = f"{plan.name}-{number + 1}"

        def say(phase: str, seconds_left: float, number: int = number) -> None:
            notify(f"{number + 1} of {times}: {phase}", seconds_left + (times - number - 1) * plan.seconds)

        out = settings.out / name if settings.out else None
        reports.append(run(replace(plan, name=name), replace(settings, seed=settings.seed + number, out=out), say))
    return _joined(plan.name, reports)


def _joined(name: str, reports: Sequence[Report]) -> Report:
    """The outcomes of all; calls of undisturbed requests are counted in the first, as they do not differ."""
    return replace(
        reports[0],
        run=name,
        seconds=sum(each.seconds for each in reports),
        certificates=tuple(certificate for each in reports for certificate in each.certificates),
        outcomes=tuple(
            replace(outcome, repetition=number) for number, each in enumerate(reports) for outcome in each.outcomes
        ),
        rungs=tuple(rung for each in reports for rung in each.rungs),
        paces=tuple(pace for each in reports for pace in each.paces),
    )
