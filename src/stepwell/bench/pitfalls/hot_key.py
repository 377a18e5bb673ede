"""Hot key: a counter that everybody raises."""

import itertools
import random
from typing import TYPE_CHECKING

from stepwell.bench.pitfalls.pairs import BROKEN, FIXED, Figure, Figures, Pair, judged
from stepwell.bench.worker.call import Call, Event, Record
from stepwell.bench.worker.strategies import conditional

if TYPE_CHECKING:
    from stepwell.bench.oracles.anomalies import Verdict
    from stepwell.bench.pitfalls.stage import Stage

_SHARDS = 16
_RAISES = 120


def broken_names(counter: str) -> list[str]:
    return [counter]


def fixed_names(counter: str) -> list[str]:
    return [f"{counter}#{shard}" for shard in range(_SHARDS)]


def add(call: Call, event: Event) -> Record:
    """Raises one of the records by one, however often it is refused."""
    name = random.choice(event["names"])
    for attempt in itertools.count():
        record = conditional.read(call, name)
        record["value"] += 1
        if conditional.write(call, name, record):
            return {}
        call.pause(attempt)
    raise AssertionError


def values(call: Call, event: Event) -> Record:
    """What each of the records has."""
    return {name: conditional.read(call, name)["value"] for name in event["names"]}


def _measure(stage: "Stage", variant: str) -> Figures:
    from stepwell.bench.oracles.anomalies import lost_updates, writes
    from stepwell.bench.pitfalls.stage import event

    names = {BROKEN: broken_names, FIXED: fixed_names}[variant](f"visits-{variant}")
    events = [event("hot_key", variant, "add", number, names=names) for number in range(_RAISES)]
    stage.invoke_all(events)
    history = stage.history(events[0]["run"])
    finals = stage.invoke(event("hot_key", variant, "values", _RAISES, names=names)).answer
    refused, tried = writes(history)
    lost = _together([lost_updates(history, name, value) for name, value in finals.items()])
    return (
        Figure("writes refused", refused, tried, "writes"),
        Figure("reads", len(names), 1, "reading of the total"),
        judged("updates lost (O-3)", "updates", lost),
    )


def _together(verdicts: "list[Verdict]") -> "Verdict":
    from stepwell.bench.oracles.anomalies import WITNESSES_MAX, Verdict

    return Verdict(
        sum(each.count for each in verdicts), sum(each.exposed for each in verdicts),
        tuple(witness for each in verdicts for witness in each.witnesses)[:WITNESSES_MAX],
        next((each.invalid for each in verdicts if each.invalid), None),
    )  # fmt: skip


PAIR = Pair(
    name="hot-key",
    title="Split counter for a hot key",
    mistake="Everybody raises one record by a conditional write; of those who do so at once all but one are refused.",
    fix="The counter is split over several records; each raise takes one of them, and the total is their sum.",
    remark=f"The total takes {_SHARDS} reads and is of no single moment. An update that adds needs no condition, but "
    "still meets the limit of one partition.",
    variants=((broken_names, fixed_names),),
    measure=_measure,
)
