"""The change test in words: the lines of a table, and a document with the diffs. It gives no score."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from stepwell.bench.catalog import STRATEGIES
from stepwell.bench.flexibility.changes import CHANGES, MACHINE, WAYS, differences
from stepwell.bench.flexibility.run import CALM, Cell, Outcome, Result, Run
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.report.rows import entry

COMMAND = "stepwell bench flexibility --markdown"
HEADINGS = (
    "strategy", "change", "lines of Python", "lines of state machine", "lines of new steps", "guarded places",
    "new resources", "more to operate", "calls an order", "under repeated delivery",
)  # fmt: skip

_OPENING = """\
An order is charged, reserved and confirmed. Then it is changed twice:

{changes}

Each version runs on real parts, Stepwell's Lambda workers and state machines, Valkey, and DynamoDB and SQS played by
ministack, with nothing broken, with each order delivered twice at once, and with the new step delivered again because
its worker died before it, or when it had done it. The oracle asks for each effect and each reservation once, the review
before the charge, all lines before the confirmation, and no order stuck. A version that breaks where the order as it
was did not is `WEAKER`; one that fails with nothing broken, or whose fault struck fewer than three times, is `INVALID`.

- *lines of Python* and *of state machine*: added and removed in what carries the order from step to step. Python counts
  by logical lines, without comments and docstrings; a state machine by the lines of its JSON, whatever they are
  indented by, of which most are a state's `Retry` and what it passes on. What moved counts as removed and added.
- *lines of new steps*: the same lines under every strategy that takes these steps.
- *guarded places*: how many more places the strategy's own claim or version, or a state's `Retry`, protects. The
  strategies themselves are unchanged under every change: no line of guard code was added to one.
- *new resources*: states, and calls to AWS that the function did not make before, each a permission. No change needed a
  function, a queue or a table more.
- *calls an order*: operations on stores and the provider, on average with nothing broken, before and after; messages,
  transitions and invocations are not among them. An order that is fanned out has one line or three."""


def lines(run: Run) -> list[tuple[str, ...]]:
    """A line for each strategy and change, under HEADINGS."""
    return [_line(result) for result in run.results]


def _line(result: Result) -> tuple[str, ...]:
    size = result.size
    python, machine = (f"+{added} −{removed}" for added, removed in (size.python, size.machine))
    resources = [*(f"state {each}" for each in size.states), *(f"call {each}" for each in size.calls)]
    return (
        STRATEGIES[result.strategy].title, result.change, python, machine if any(size.machine) else "",
        f"+{size.steps}", f"+{size.guarded}", "; ".join(resources), "; ".join(size.operate),
        f"{_calls(result.before):.1f} → {_calls(result.after):.1f}", told(result),
    )  # fmt: skip


def told(result: Result) -> str:
    """What repeated delivery did to the version after the change."""
    if result.invalid:
        return f"INVALID: {result.invalid}"
    if result.weaker:
        return f"WEAKER: {'; '.join(result.weaker)}"
    found, before = (", ".join(_found(each.values())) for each in (result.after, result.before))
    if found:
        return f"{found}; before: {before or 'not seen'}"
    broken = [outcome for cell, outcome in result.after.items() if cell.condition != CALM]
    exposed = sum(min(each.exposed for each in outcome.verdicts.values()) for outcome in broken)
    return str(entry(Verdict(0, exposed)))


def _found(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Each measure in which something broke, over the cells in which it did."""
    verdicts: dict[str, list[Verdict]] = {}
    for outcome in outcomes:
        for measure, verdict in outcome.found.items():
            verdicts.setdefault(measure, []).append(verdict)
    for measure, each in verdicts.items():
        yield f"{measure} {sum(verdict.count for verdict in each)} of {sum(verdict.exposed for verdict in each)}"


def _calls(outcomes: Mapping[Cell, Outcome]) -> float:
    return next(outcome.calls for cell, outcome in outcomes.items() if cell.condition == CALM)


def document(run: Run) -> str:
    """The run as Markdown that ends with a newline."""
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    changes = "\n".join(f"- *{change}*: {text}" for change, text in CHANGES.items())
    parts = [
        "# Flexibility: the change test",
        _OPENING.format(changes=changes),
        f"This page was written by `{COMMAND}` on {run.started_at}, in {run.seconds:.0f} s, on {run.machine}; with "
        f"{versions}.",
        _table(HEADINGS, lines(run)),
        *_witnesses(run),
        "## The changes themselves",
        *(part for result in _one_for_each_way(run.results) for part in _diff(result)),
    ]
    return "\n\n".join(parts) + "\n"


def _witnesses(run: Run) -> Iterator[str]:
    told = [
        f"- {STRATEGIES[result.strategy].title}, {cell.run}: {verdict.witnesses[0].text}"
        for result in run.results
        for cell, outcome in result.after.items()
        for verdict in outcome.found.values()
        if verdict.witnesses
    ]
    if told:
        yield "## Witnesses"
        yield "\n".join(told)


def _one_for_each_way(results: Sequence[Result]) -> list[Result]:
    """Strategies that carry orders in one way have the same diffs."""
    chosen: dict[tuple[str, str], Result] = {}
    for result in results:
        chosen.setdefault((WAYS[result.strategy], result.change), result)
    return list(chosen.values())


def _diff(result: Result) -> Iterator[str]:
    same = [STRATEGIES[name].title for name, way in WAYS.items() if way == WAYS[result.strategy]]
    yield f"### {result.change}: {'; '.join(same)}"
    if WAYS[result.strategy] == MACHINE and len(same) > 1:
        yield f"The state machine is that of {same[0]}."
    yield "\n".join(("```diff", *differences(result.strategy, result.change), "```"))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    table = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in table)
