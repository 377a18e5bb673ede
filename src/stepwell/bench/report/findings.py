"""What a report says in words: where Stepwell's own strategy loses, what follows, and what all of it rests on.

Guarantees that each sentence is made from cells of the run: of what is invalid it says so, of what was not run nothing.
How it looks is the business of `screen`, `markdown` and `html`; what it says is said here, once.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from stepwell.bench.catalog import (
    CRASH,
    DUPLICATE,
    DUPLICATED,
    FAULTS,
    HOT_KEY,
    KEYED,
    LOST,
    MEASURES,
    ORCHESTRATION,
    RESPONSE_LOST,
    STORE_KILL,
    STRATEGIES,
    STUCK,
    WORKLOADS,
)
from stepwell.bench.measures.rigor import LEAST, null, over_runs, repetitions
from stepwell.bench.measures.statistics import CONFIDENCE, at_most, interval
from stepwell.bench.oracles.anomalies import Verdict, Witness
from stepwell.bench.oracles.outcome import Outcome
from stepwell.bench.report.data import Guard, Report, total
from stepwell.bench.report.rows import dollars, entry, percent

WITNESSES, FOLLOWS = "One witness for each kind of anomaly", "What follows"
OTHERWISE, COLUMNS, OPERATE = "Found otherwise than expected", "What the columns say", "Things to operate"
GUARDS, COSTS, BACK_ENDS = "Guard lines", "What the costs rest on", "Back ends"
RIGOR = "Repetitions"

EVIDENCE = (
    "This is evidence about these back ends on this machine, and not about AWS, until it ran against real ones. "
    "Latency and cost are counted calls times round trips and prices; nothing timed here is in them."
)

_OWN = (ORCHESTRATION, KEYED)
_SENTENCES = (HOT_KEY, STORE_KILL, CRASH, RESPONSE_LOST, DUPLICATE)
"""What is told first. Three of them are told."""

_NAMED_MOST = 3

_SAID = {DUPLICATED: "duplicated {}", LOST: "lost {}", STUCK: "left {} stuck"}


def heading(report: Report) -> str:
    return f"stepwell bench: {report.preset} run {report.run}"


def summary(report: Report) -> str:
    workloads = "; ".join(WORKLOADS[name].title for name in report.workloads)
    return f"{report.seconds:.0f} s, {len(report.outcomes)} cells. Workloads: {workloads}"


def budget(report: Report) -> str:
    """What was asked for, in one line."""
    asked = report.budget
    return (
        f"Budget: {asked.consistency}; {asked.latency_milliseconds:g} ms a request; "
        f"{dollars(asked.dollars_per_million)} per million at {asked.requests_per_second:g} requests/s"
    )


def above(report: Report) -> dict[str, list[str]]:
    """What belongs on the first screen, under the overview: titles and lines, in their order; none without lines."""
    said = {
        WITNESSES: [f"{title}: {witness.text}." for title, witness in witnesses(report)],
        FOLLOWS: conclusions(report),
    }
    return {title: lines for title, lines in said.items() if lines}


def below(report: Report) -> dict[str, list[str]]:
    """What stands below the matrices."""
    said = {
        OTHERWISE: disagreements(report),
        COLUMNS: columns(report),
        OPERATE: [f"{_name(name)}: {', '.join(STRATEGIES[name].operate)}" for name in report.strategies],
        GUARDS: [_guard(each) for each in report.guards] if report.guards_tried else [],
        COSTS: costs(report),
        RIGOR: rigor(report),
        BACK_ENDS: back_ends(report),
    }
    return {title: lines for title, lines in said.items() if lines}


def opening(report: Report) -> str:
    """Where Stepwell's own strategy loses; first in every rendering."""
    own = [name for name in _OWN if name in report.strategies]
    if not own:
        return "Stepwell's own strategy, orchestration, was not part of this run."
    defeats = [f"{_name(name)} {_listed(parts)}" for name in own if (parts := _defeats(report, name))]
    silent = sum(each.invalid is not None for name in own for each in report.broken(name))
    said = [
        f"Stepwell's own strategy loses: {'; '.join(defeats)}." if defeats
        else "Stepwell's own strategy broke nowhere in what this run could see, which is no proof that it cannot.",
        f"In {silent} of its cells the run says nothing." if silent else "",
        _why_again(report),
        *_heaviest(report, own),
        _serialises_nothing(report),
    ]  # fmt: skip
    return " ".join(filter(None, said))


def _defeats(report: Report, strategy: str) -> list[str]:
    """By workload and fault."""
    return [
        f"{_broke(verdicts)} ({workload}, {FAULTS[fault].title})"
        for workload in report.workloads
        for fault in report.faults(workload)
        if _anomalies(verdicts := total(report.select(workload=workload, strategy=strategy, fault=fault)))
    ]


def _why_again(report: Report) -> str:
    """Why a step's effect is repeated, and what mends that, where both were seen."""
    plain = _verdict(report, ORCHESTRATION, CRASH, DUPLICATED)
    if not plain or plain.invalid or not plain.count:
        return ""
    why = "A step is started at least once, and its retry does again what a dead worker had done"
    keyed = _verdict(report, KEYED, CRASH, DUPLICATED)
    if not keyed or keyed.invalid:
        return f"{why}."
    return f"{why}; with an idempotency key of execution and state, that the provider honours: {entry(keyed)}."


def _heaviest(report: Report, own: Sequence[str]) -> Iterator[str]:
    """In what nothing takes more."""
    profiles = {name: profile for name in report.strategies if (profile := report.profile(name))}
    latency = {name: each.latency_milliseconds for name, each in profiles.items()}
    cost = {name: each.dollars for name, each in profiles.items()}
    operate = {name: float(len(STRATEGIES[name].operate)) for name in report.strategies}
    yield _most(own, latency, "Nothing takes longer", lambda value: f"{value:.0f} ms")
    yield _most(own, cost, "Nothing costs more", lambda value: f"{dollars(value)} per million")
    yield _most(own, operate, "Nothing has more to operate", lambda value: f"{value:.0f} things")


def _most(own: Sequence[str], values: dict[str, float], claim: str, said: Callable[[float], str]) -> str:
    ours = [value for name, value in values.items() if name in own]
    others = [value for name, value in values.items() if name not in own]
    if not ours or not others or max(ours) < max(others):
        return ""
    between = (
        said(max(others)) if min(others) == max(others) else f"{said(min(others)).split()[0]} to {said(max(others))}"
    )
    return f"{claim}: {said(max(ours))}, the others {between}."


def _serialises_nothing(report: Report) -> str:
    clean = _verdict(report, ORCHESTRATION, HOT_KEY, LOST)
    if not clean or clean.invalid or clean.count:
        return ""
    return "It serialises nothing between executions: that its record is right is its function's conditional write."


def conclusions(report: Report) -> list[str]:
    """Three things that follow, each from the cells of one fault."""
    faults = [fault for fault in _SENTENCES if report.subject(fault)][:3]
    return [" ".join(filter(None, (_told(report, fault), _consequence(report, fault)))) for fault in faults]


def _told(report: Report, fault: str) -> str:
    """Who broke and who did not."""
    found = {name: verdicts for name in report.strategies if (verdicts := _main(report, name, fault))}
    silent = {name: reason for name, verdicts in found.items() if (reason := _silence(verdicts))}
    broke = [f"{_name(name)} {_broke(verdicts)}" for name, verdicts in found.items() if _anomalies(verdicts)]
    clean = [name for name in found if name not in silent and not _anomalies(found[name])]
    parts = [
        _listed(broke),
        f"{_others(clean, found)} showed nothing{_at_most(found[name] for name in clean)}"
        if clean else "",
        *(
            f"of {_listed([_name(name) for name in silent if silent[name] == reason])} nothing is known: {reason}"
            for reason in dict.fromkeys(silent.values())
        ),
    ]  # fmt: skip
    return f"{str(report.subject(fault)).capitalize()}, {FAULTS[fault].title}: {'; '.join(filter(None, parts))}."


def _others(clean: Sequence[str], found: Collection[str]) -> str:
    """Their names, or where they are many and all that is left, how many."""
    if len(clean) <= _NAMED_MOST or len(clean) == len(found):
        return _listed([_name(name) for name in clean])
    return f"{len(clean)} others"


def _at_most(found: Iterable[dict[str, Verdict]]) -> str:
    """The bound of the least exposed."""
    exposed = min(each.exposed for verdicts in found for each in verdicts.values())
    return f" (at most {percent(at_most(0, exposed))})"


def _consequence(report: Report, fault: str) -> str:
    say = {HOT_KEY: _price_of_safety, STORE_KILL: _time_to_recover, CRASH: _what_a_key_is_for}.get(fault)
    return say(report) if say else ""


def _price_of_safety(report: Report) -> str:
    refused = {}
    for name in report.strategies:
        outcomes = report.select(workload=report.subject(HOT_KEY), strategy=name, fault=HOT_KEY)
        valid = [each for each in outcomes if not each.invalid]
        if count := sum(each.refused for each in valid):
            refused[_name(name)] = f"{count} of {sum(each.writes for each in valid)}"
    if not refused:
        return ""
    return f"Refused and done again: {_listed([f'{count} writes of {name}' for name, count in refused.items()])}."


def _time_to_recover(report: Report) -> str:
    workload = report.subject(STORE_KILL)
    outcomes = [each for each in report.select(workload=workload, fault=STORE_KILL) if not each.invalid]
    seconds = [each.recovery.seconds for each in outcomes if each.recovery]
    known = [each for each in seconds if each is not None]
    if not known or len(known) < len(seconds):
        return ""
    return f"After at most {max(known):.1f} s the first request that came meanwhile was done."


def _what_a_key_is_for(report: Report) -> str:
    """What orchestration is good for and what not; and the moral, only where both sides of it were seen."""
    if not _anomalies(_main(report, ORCHESTRATION, CRASH)):
        return ""
    held = [FAULTS[fault].title for fault in (HOT_KEY, STORE_KILL) if _held(report, ORCHESTRATION, fault)]
    things, keyed = len(STRATEGIES[ORCHESTRATION].operate), _verdict(report, KEYED, CRASH, DUPLICATED)
    said = [
        f"Orchestration held against {_listed(held)}, with {things} things to operate, and broke here all the same."
        if held else "",
        "No store commits together with a provider: ask yours for an idempotency key, whatever keeps your state."
        if keyed and not keyed.invalid and not keyed.count else "",
    ]  # fmt: skip
    return " ".join(filter(None, said))


def _held(report: Report, strategy: str, fault: str) -> bool:
    verdicts = _main(report, strategy, fault)
    return bool(verdicts) and not _silence(verdicts) and not _anomalies(verdicts)


def witnesses(report: Report) -> list[tuple[str, Witness]]:
    """One for each kind of anomaly, with where it was found."""
    found = []
    for measure in MEASURES:
        seen = (each for each in report.select() if measure in each.found and each.verdicts[measure].witnesses)
        if first := min(seen, key=lambda each: each.workload != report.subject(each.fault), default=None):
            found.append((f"{measure}, {_place(first)}", first.verdicts[measure].witnesses[0]))
    return found


def disagreements(report: Report) -> list[str]:
    """Cells in which something else was found than was expected."""
    return [
        f"{_place(each)}, {measure}: {'an anomaly' if measure in each.expected else 'none'} was expected, found "
        f"{entry(each.verdicts[measure])}"
        for each in report.select()
        for measure in each.disagreements
    ]


def columns(report: Report) -> list[str]:
    """What is counted, and over what."""
    lines = [f"{measure}: {meaning}" for measure, meaning in MEASURES.items()]
    lines.append("These sum up all workloads and faults; what was not disturbed is counted below alone")
    lines.append("conflicts: writes that were refused because another came first, of all read-modify-writes")
    if report.subject(STORE_KILL):
        lines.append(
            "recovery: acknowledged requests that survived the loss of the store, and the time to the next one"
        )
    if report.profiles:
        lines.append(f"latency and $: one undisturbed request of {WORKLOADS[report.main_workload].title}, as counted")
    if report.guards_tried:
        lines.append("guard lines: marked lines without which a cell breaks, of all marked lines")
    return lines


def costs(report: Report) -> list[str]:
    """The prices that nobody has checked."""
    unverified = sorted({item for each in report.profiles for item in each.unverified})
    return [f"Unverified prices: {', '.join(unverified)}"] if unverified else []


def rigor(report: Report) -> list[str]:
    """How often all was done, and whether the repetitions agree with each other; nothing of a single run."""
    times, found = repetitions(report.outcomes), null(report.outcomes)
    if times < 2:
        return []
    lines = [f"{times} repetitions, each with fresh stores and a seed of its own; strategies came in random order."]
    if found is None:
        return [*lines, f"Too few for A against A, which takes {LEAST}."]
    verdict = f"{len(found.differing)} differ: {'; '.join(found.differing)}" if found.differing else "none differs"
    return [*lines, f"A against A: even repetitions against odd ones, {found.compared} rates: {verdict}."]


def back_ends(report: Report) -> list[str]:
    """Whether each may be believed, then what it all ran on."""
    lines = [
        f"{each.back_end}: {each.failure or 'certified'}; "
        + ", ".join(f"{trial.wrong} of {trial.acknowledged} {trial.name} wrong" for trial in each.trials)
        for each in report.certificates
    ]
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    return [*lines, *filter(None, (versions, ", ".join(report.machine.values())))]


def basis(outcomes: Sequence[Outcome]) -> str:
    """What a cell and its repetitions rest on: all its verdicts with their intervals, how often its fault struck."""
    fired = sum(each.fired for each in outcomes)
    verdicts = "; ".join(
        f"{measure} {_with_interval(each)}{_over_runs(outcomes, measure)}" for measure, each in total(outcomes).items()
    )
    awaited = sorted({measure for each in outcomes for measure in each.expected})
    times = "once" if fired == 1 else f"{fired} times"
    return f"{verdicts}; fault fired {times}; expected: {_listed(awaited) or 'nothing'}"


def _with_interval(verdict: Verdict) -> str:
    if verdict.invalid or not verdict.count:
        return str(entry(verdict))
    low, high = interval(verdict.count, verdict.exposed)
    return f"{entry(verdict)} ({100 * CONFIDENCE:.0f} % interval {percent(low)} to {percent(high)})"


def _over_runs(outcomes: Sequence[Outcome], measure: str) -> str:
    found = over_runs(outcomes, measure)
    if found is None:
        return ""
    return f", over runs a median of {percent(found.estimate)} ({percent(found.low)} to {percent(found.high)})"


def _guard(guard: Guard) -> str:
    lines = f"{guard.lines} line" if guard.lines == 1 else f"{guard.lines} lines"
    if not guard.tried:
        verdict = "not tried"
    else:
        verdict = f"without it {guard.caught_by} breaks" if guard.caught_by else "dead: nothing breaks without it"
    return f"{_name(guard.strategy)}, {guard.name} ({lines}): {verdict}"


def _main(report: Report, strategy: str, fault: str) -> dict[str, Verdict]:
    """By measure, of the workload by which the fault is told; empty when that was not run."""
    outcomes = report.select(workload=report.subject(fault), strategy=strategy, fault=fault)
    return total(outcomes) if outcomes else {}


def _verdict(report: Report, strategy: str, fault: str, measure: str) -> Verdict | None:
    return _main(report, strategy, fault).get(measure)


def _anomalies(verdicts: dict[str, Verdict]) -> list[str]:
    return [measure for measure, each in verdicts.items() if each.count and not each.invalid]


def _silence(verdicts: dict[str, Verdict]) -> str | None:
    """Why they say nothing, when none of them found anything."""
    if _anomalies(verdicts):
        return None
    return next((each.invalid for each in verdicts.values() if each.invalid), None)


def _broke(verdicts: dict[str, Verdict]) -> str:
    return _listed([_SAID[measure].format(entry(verdicts[measure])) for measure in _anomalies(verdicts)])


def _place(outcome: Outcome) -> str:
    return f"{_name(outcome.strategy)} ({outcome.workload}, {FAULTS[outcome.fault].title})"


def _name(strategy: str) -> str:
    """Without its commas, which divide the names in a list."""
    return STRATEGIES[strategy].title.replace(",", "")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
