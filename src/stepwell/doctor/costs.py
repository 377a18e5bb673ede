"""What drives the bill of state machines, and how near executions come to AWS's limits, from the executions read."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

from stepwell.doctor.definitions import states, waits_for_answer
from stepwell.doctor.findings import NOTE, PROBLEM, Finding, Table, share
from stepwell.doctor.story import Story
from stepwell.pricing.bill import TRANSITION
from stepwell.pricing.prices import load_prices

PAYLOAD_LIMIT_BYTES = 262_144
HISTORY_LIMIT_EVENTS = 25_000
NEAR = 0.8

POLLING_TURNS = 10
"""Turns of one loop in one execution, from which on it is polling and not a wait that took a second try."""

EXPRESS_SECONDS = 300.0
"""AWS's limit for an Express execution."""

EXPRESS_EXECUTIONS_MIN = 100
"""In the time looked at; below this the difference in price buys nothing."""

COLUMNS = (
    "state machine", "executions", "transitions each", "most in state", "carried each", "transitions in all",
    "$ for them",
)  # fmt: skip


@dataclass(slots=True)
class Consumption:
    """What the executions of a machine use. `executions` is how many there were in the time looked at, read or not."""

    machine: str
    type: str
    executions: int
    transitions: list[int] = field(default_factory=list)
    by_state: Counter[str] = field(default_factory=Counter)
    carried_bytes: list[int] = field(default_factory=list)
    longest_seconds: float = 0.0

    def add(self, story: Story) -> None:
        """Counts one more execution that was read."""
        self.transitions.append(story.transitions.total())
        self.by_state.update(story.transitions)
        self.carried_bytes.append(story.carried_bytes)
        lasted = (story.flow.ended_at or story.latest_at) - story.flow.started_at
        self.longest_seconds = max(self.longest_seconds, lasted)

    @property
    def estimated_transitions(self) -> float:
        """All executions at the mean of those that were read."""
        return self.executions * mean(self.transitions) if self.transitions else 0.0


def cost_table(consumptions: Sequence[Consumption], basis: str) -> Table:
    """Machines by their transitions, which is what Standard is billed by: each state entered and each retry."""
    prices = load_prices()
    price = prices.items[TRANSITION]
    ranked = sorted(consumptions, key=lambda consumption: -consumption.estimated_transitions)
    rows = tuple(_row(each, price.each) for each in ranked if each.transitions)
    priced = f" At ${price.dollars:g} for {price.per:,.0f} in {prices.region} ({price.grade}, {price.dated})."
    return Table("Cost drivers", basis + priced, COLUMNS, rows)


def _row(used: Consumption, dollars: float) -> tuple[str, ...]:
    state, count = used.by_state.most_common(1)[0] if used.by_state else ("-", 0)
    return (
        used.machine,
        f"{used.executions:,}",
        f"{mean(used.transitions):,.1f}",
        f"{state} ({share(count, sum(used.transitions))})",
        f"{mean(used.carried_bytes) / 1024:,.1f} KiB",
        f"{used.estimated_transitions:,.0f}",
        f"{used.estimated_transitions * dollars:,.4f}",
    )


def check_story(machine: str, story: Story) -> Iterator[Finding]:
    """What one execution shows: polling, and limits that are near."""
    for state, turns in story.turns():
        if turns >= POLLING_TURNS:
            evidence = f"{story.label}, {turns} turns, {story.transitions.total():,} transitions"
            yield Finding("polling-loop", PROBLEM, f"{machine} > {state}", "a loop around a Wait state", (evidence,))
    size, where = story.largest
    if size >= NEAR * PAYLOAD_LIMIT_BYTES:
        evidence = f"{story.label}, {size:,} of {PAYLOAD_LIMIT_BYTES:,} bytes {where}"
        yield Finding("payload-near-limit", PROBLEM, machine, "a payload near the limit", (evidence,))
    if story.events >= NEAR * HISTORY_LIMIT_EVENTS:
        evidence = f"{story.label}, {story.events:,} of {HISTORY_LIMIT_EVENTS:,} events"
        yield Finding("history-near-limit", PROBLEM, machine, "a history near the limit", (evidence,))


def check_repeats(machine: str, story: Story) -> Iterator[Finding]:
    """Tasks that ran again though they may have had their effect, and whether a key could keep it single."""
    for repeat in story.repeats:
        evidence = (f"{story.label}, attempt {repeat.attempt}",)
        subject = f"{machine} > {repeat.state}"
        if repeat.tasks:
            what = f"was retried after tasks within it had succeeded: {', '.join(repeat.tasks)}"
            yield Finding("repeated-branch", PROBLEM, subject, what, evidence)
            continue
        what = f"ran again after {repeat.error}, which leaves open how far it came; "
        if repeat.key:
            rest = f"its input has {repeat.key}, which can serve as an idempotency key"
            yield Finding("repeated-task", NOTE, subject, what + rest, evidence)
        else:
            rest = "no idempotency key can be seen in its input"
            yield Finding("repeated-task", PROBLEM, subject, what + rest, evidence)


def check_type(used: Consumption, definition: Mapping[str, Any]) -> Iterator[Finding]:
    """Standard machines whose executions would all fit into Express."""
    resources = [state.get("Resource", "") for _, state in states(definition)]
    asynchronous = any(waits_for_answer(resource) or ".sync" in resource for resource in resources)
    many = used.type == "STANDARD" and used.transitions and used.executions >= EXPRESS_EXECUTIONS_MIN
    if many and used.longest_seconds < EXPRESS_SECONDS and not asynchronous:
        what = "executions are many and short, and no task waits for an answer"
        evidence = f"{used.executions:,} executions; the longest read took {used.longest_seconds:.1f} s"
        yield Finding("could-be-express", NOTE, used.machine, what, (evidence,))
