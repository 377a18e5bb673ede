"""The charts of the page: inline SVG and boxes, which a pointer, a finger or the Tab key asks for their figures.

Guarantees that all a chart shows is in words too, for who does not see it, and that nothing is distorted at any width:
places are per cent of it. No script: what is pointed at is shown by style alone.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import combinations, pairwise

from stepwell.bench.catalog import CALM, FAULTS, STORE_KILL, STRATEGIES, WORKLOADS
from stepwell.bench.measures.statistics import interval
from stepwell.bench.oracles.anomalies import Verdict
from stepwell.bench.oracles.outcome import Outcome
from stepwell.bench.report.data import Profile, Report, total
from stepwell.bench.report.findings import basis
from stepwell.bench.report.rows import FOUND, INVALID, NONE, OVER, PLAIN, broken, dollars

MARKS = {FOUND: "●", NONE: "○", INVALID: "✕", OVER: "▲", PLAIN: ""}
"""What sets the kinds of cells apart where there is no colour."""

_COLOURS = 8
"""How many the style has; the names say which is which when there are more."""

_ROOM = 1.4
"""Above the dearest and below the cheapest, so that no curve is on the rim."""

_AFTER = 1.0001
"""Where two curves are told apart that meet at 1."""

_SHARES = ("0 %", "50 %", "100 %")
_RULE = '<line class="rule" x1="0%" x2="100%" y1="7" y2="7"/>'

_Curve = Sequence[tuple[float, float]]


def rates(report: Report, workload: str) -> str:
    """A figure for each fault: how often each strategy broke, with the interval in which the rate may lie."""
    faults = [fault for fault in report.faults(workload) if fault != CALM]
    return "\n".join(_rates(report, workload, fault) for fault in faults)


def _rates(report: Report, workload: str, fault: str) -> str:
    cells = {name: report.select(workload=workload, strategy=name, fault=fault) for name in report.strategies}
    marks = (_rate(name, outcomes) for name, outcomes in cells.items() if outcomes)
    return _figure(f"rate-{workload}-{fault}", FAULTS[fault].title, marks, _SHARES)


def _rate(strategy: str, outcomes: Sequence[Outcome]) -> str:
    """The measure that broke most; of three clean ones that of which the least is known, as in the tables."""
    said, worst = broken(outcomes), max(total(outcomes).values(), key=lambda each: (_share(each), -each.exposed))
    shapes = _RULE if said.kind == INVALID else _interval(worst)
    return _mark(STRATEGIES[strategy].title, said.text, said.kind, shapes, basis(outcomes))


def _share(verdict: Verdict) -> float:
    return verdict.count / verdict.exposed if verdict.exposed and not verdict.invalid else -1.0


def _interval(verdict: Verdict) -> str:
    low, high = interval(verdict.count, verdict.exposed)
    kind = FOUND if verdict.count else NONE
    return (
        f'{_RULE}<line class="range" x1="{100 * low:.1f}%" x2="{100 * high:.1f}%" y1="7" y2="7"/>'
        f'<circle class="{kind}-dot" cx="{100 * _share(verdict):.1f}%" cy="7" r="4.5"/>'
    )


def recovery(report: Report, workload: str) -> str:
    """Two figures: which share of what was acknowledged was there in the end, and when work was done again."""
    found = [each for each in report.select(workload=workload, fault=STORE_KILL) if each.recovery]
    if not found:
        return ""
    longest = max(each.recovery.seconds or 0.0 for each in found if each.recovery) or 1.0
    axis = ("0 s", f"{longest / 2:.1f} s", f"{longest:.1f} s")
    survived, seconds = [_survived(each) for each in found], [_seconds(each, longest) for each in found]
    return "\n".join(
        (
            _figure(f"survived-{workload}", "acknowledged before and there in the end", survived, _SHARES),
            _figure(f"seconds-{workload}", "until a new request was done", seconds, axis),
        )
    )


def _survived(outcome: Outcome) -> str:
    part, whole = (outcome.recovery.survived, outcome.recovery.acknowledged) if outcome.recovery else (0, 0)
    if outcome.invalid or not whole:
        return _mark(
            STRATEGIES[outcome.strategy].title,
            "INVALID",
            INVALID,
            _RULE,
            outcome.invalid or "nothing was acknowledged before",
        )
    low, high = interval(part, whole)
    kind = NONE if part == whole else FOUND
    shapes = (
        f'{_RULE}<line class="range" x1="{100 * low:.1f}%" x2="{100 * high:.1f}%" y1="7" y2="7"/>'
        f'<circle class="{kind}-dot" cx="{100 * part / whole:.1f}%" cy="7" r="4.5"/>'
    )
    return _mark(STRATEGIES[outcome.strategy].title, f"{part} of {whole}", kind, shapes, basis([outcome]))


def _seconds(outcome: Outcome, longest: float) -> str:
    took = outcome.recovery.seconds if outcome.recovery else None
    if outcome.invalid or took is None:
        said = "INVALID" if outcome.invalid else "no return seen"
        kind = INVALID if outcome.invalid else FOUND
        return _mark(
            STRATEGIES[outcome.strategy].title,
            said,
            kind,
            _RULE,
            outcome.invalid or "no request that came later was done",
        )
    bar = f'{_RULE}<rect class="bar" x="0" y="3" width="{100 * took / longest:.1f}%" height="8"/>'
    return _mark(
        STRATEGIES[outcome.strategy].title,
        f"{took:.1f} s",
        PLAIN,
        bar,
        "from the outage to the first request that came after it",
    )


def latency(report: Report) -> str:
    """What the counted round trips of one request add up to, part by part, against the budget."""
    profiles = _profiles(report)
    if not profiles:
        return ""
    budget = report.budget.latency_milliseconds
    longest = 1.05 * max(budget, *(each.latency_milliseconds for each in profiles))
    parts = {
        name: number % _COLOURS for number, name in enumerate(sorted({n for p in profiles for n in p.latency_parts}))
    }
    rows = "\n".join(_stack(each, parts, budget, longest) for each in profiles)
    legend = "".join(
        f'<li><span class="swatch fill-{number}"></span>{text(name)}</li>' for name, number in parts.items()
    )
    return (
        f'<figure class="wide" aria-labelledby="latency">\n<h3 id="latency">{text(_of(report, "milliseconds"))}</h3>\n'
        f"<ul>\n{rows}\n</ul>\n"
        f'<div class="axis" aria-hidden="true"><span>0</span><span>{longest:.0f} ms</span></div>\n'
        f'<ul class="legend">{legend}<li><span class="swatch budget"></span>budget: {budget:g} ms</li></ul>\n</figure>'
    )


def _stack(profile: Profile, parts: Mapping[str, int], budget: float, longest: float) -> str:
    taken = profile.latency_milliseconds
    pieces, start = [], 0.0
    for name, milliseconds in profile.latency_parts.items():
        pieces.append(
            f'<rect class="fill-{parts[name]}" x="{100 * start / longest:.2f}%" y="0" height="14" '
            f'width="{100 * milliseconds / longest:.2f}%"><title>{text(name)}: {milliseconds:.1f} ms</title></rect>'
        )
        start += milliseconds
    place = f"{100 * budget / longest:.2f}%"
    pieces.append(f'<line class="budget" x1="{place}" x2="{place}" y1="0" y2="14"/>')
    said = " + ".join(f"{name} {milliseconds:.1f} ms" for name, milliseconds in profile.latency_parts.items())
    kind = OVER if taken > budget else PLAIN
    title = STRATEGIES[profile.strategy].title
    return _mark(title, f"{taken:.0f} of {budget:.0f} ms", kind, "".join(pieces), said)


def cost(report: Report) -> str:
    """Dollars over load, both by their logarithm, with the loads of the budget and where curves cross."""
    profiles = [each for each in _profiles(report) if _drawable(each.curve)]
    if not profiles:
        return ""
    expected = report.budget.requests_per_second
    loads = [load for each in profiles for load, _ in each.curve]
    across = _Scale([*loads, expected, 2 * expected])
    up = _Scale([amount for each in profiles for _, amount in each.curve], widened=True)
    shapes = [*_grid(across, up), *_budget_lines(across, expected), *(_line(each, across, up) for each in profiles)]
    shapes += _crossings(profiles, across, up)
    asked = "\n".join(_asked(load, profiles, across) for load in _thinned(sorted(set(loads))))
    legend = "".join(
        f'<li class="key-{_colour(each)}"><span class="swatch fill-{_colour(each)}"></span>'
        f"{text(_title(each))}: {dollars(each.dollars)}, doubled {dollars(each.dollars_doubled)}</li>"
        for each in profiles
    )
    return (
        f'<figure class="wide" aria-labelledby="cost">\n<h3 id="cost">{text(_of(report, "dollars per million"))}</h3>\n'
        f'<div class="plane"><svg role="img"><title>{text(cheapest(profiles))}</title>{"".join(shapes)}</svg>\n'
        f'{asked}</div>\n<p class="dim">Requests a second, across; dollars per million correct completions, up. '
        f'{text(cheapest(profiles))}</p>\n<ul class="legend">{legend}</ul>\n</figure>'
    )


def cheapest(profiles: Sequence[Profile]) -> str:
    """Who is the cheapest at which load, as far as the curves go."""
    curves = [each.curve for each in profiles]
    met = {_AFTER * load for pair in combinations(curves, 2) for load, _ in crossings(*pair)}
    loads = sorted(met | {load for curve in curves for load, _ in curve})
    runs: list[tuple[float, str]] = []
    for load in loads:
        priced = {each.strategy: amount for each in profiles if (amount := _at(each.curve, load)) is not None}
        name = min(priced, key=priced.__getitem__)
        if not runs or runs[-1][1] != name:
            runs.append((load, name))
    said = [f"{STRATEGIES[name].title.replace(',', '')} from {load:.3g}/s" for load, name in runs]
    return f"The cheapest: {', '.join(said)}."


class _Scale:
    """Values to per cent of an axis, by their logarithm."""

    def __init__(self, values: Iterable[float], *, widened: bool = False) -> None:
        values = list(values)
        self.low, self.high = min(values), max(values)
        if widened:
            self.low, self.high = self.low / _ROOM, self.high * _ROOM

    def place(self, value: float) -> float:
        return 100 * math.log(value / self.low) / math.log(self.high / self.low)

    def ticks(self) -> list[float]:
        """Powers of ten, or between few of them their double and fivefold too."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        steps = (1, 2, 5) if len(powers) < 4 else (1,)
        ticks = [step * 10.0**power for power in powers for step in steps]
        return [tick for tick in ticks if self.low <= tick <= self.high]


def _grid(across: _Scale, up: _Scale) -> Iterator[str]:
    for tick in up.ticks():
        y = 100 - up.place(tick)
        yield f'<line class="rule" x1="0%" x2="100%" y1="{y:.1f}%" y2="{y:.1f}%"/>'
        yield f'<text x="0%" y="{y:.1f}%" dy="-3">${tick:g}</text>'
    for tick in across.ticks():
        x = across.place(tick)
        anchor = "start" if x < 5 else "end" if x > 95 else "middle"
        yield f'<line class="rule" x1="{x:.1f}%" x2="{x:.1f}%" y1="0%" y2="100%"/>'
        yield f'<text x="{x:.1f}%" y="100%" dy="15" text-anchor="{anchor}">{tick:g}/s</text>'


def _budget_lines(across: _Scale, expected: float) -> Iterator[str]:
    for load, name in ((expected, "expected"), (2 * expected, "doubled")):
        x = across.place(load)
        side = 'dx="-4" text-anchor="end"' if name == "expected" else 'dx="4"'
        yield f'<line class="budget" x1="{x:.1f}%" x2="{x:.1f}%" y1="0%" y2="100%"/>'
        yield f'<text x="{x:.1f}%" y="0%" dy="11" {side}>{name}</text>'


def _line(profile: Profile, across: _Scale, up: _Scale) -> str:
    points = " ".join(f"{across.place(load):.2f},{100 - up.place(amount):.2f}" for load, amount in profile.curve)
    style = f"curve line-{_colour(profile)}{_dashed(profile)}"
    return (
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" class="{style}">'
        f'<polyline points="{points}" vector-effect="non-scaling-stroke"/></svg>'
    )


def _crossings(profiles: Sequence[Profile], across: _Scale, up: _Scale) -> Iterator[str]:
    for one, other in combinations(profiles, 2):
        for load, amount in crossings(one.curve, other.curve):
            after = min((one, other), key=lambda each: _at(each.curve, _AFTER * load) or math.inf)
            before = other if after is one else one
            said = f"from {load:.3g}/s {_title(after)} costs less than {_title(before)}: {dollars(amount)}"
            yield (
                f'<circle class="crossing" cx="{across.place(load):.2f}%" cy="{100 - up.place(amount):.2f}%" r="4">'
                f"<title>{text(said)}</title></circle>"
            )


def crossings(one: _Curve, other: _Curve) -> Iterator[tuple[float, float]]:
    """Where two curves cross, straight between their points by logarithms: (load, dollars)."""
    before: tuple[float, float, float] | None = None
    met: tuple[float, float] | None = None
    for load in sorted({load for load, _ in (*one, *other)}):
        here, there = _at(one, load), _at(other, load)
        if here is None or there is None:
            continue
        gap = math.log(here / there)
        if not gap:
            met = met or (load, here)
            continue
        if before and before[2] * gap < 0:
            part = before[2] / (before[2] - gap)
            yield met or (before[0] * (load / before[0]) ** part, before[1] * (here / before[1]) ** part)
        before, met = (load, here, gap), None


def _at(curve: _Curve, load: float) -> float | None:
    """Between two points by their logarithms; None beyond the ends."""
    for (start, low), (end, high) in pairwise(curve):
        if start <= load <= end:
            return float(low * (high / low) ** (math.log(load / start) / math.log(end / start))) if end > start else low
    return None


def _asked(load: float, profiles: Sequence[Profile], across: _Scale) -> str:
    """What is shown when one points at a load: all strategies, the cheapest first."""
    priced = {_title(each): amount for each in profiles if (amount := _at(each.curve, load)) is not None}
    lines = "<br>".join(f"{text(name)}: {dollars(priced[name])}" for name in sorted(priced, key=priced.__getitem__))
    place = across.place(load)
    side = "left" if place < 50 else "right"
    return (
        f'<div class="load {side}" style="left:{place:.2f}%" tabindex="-1" aria-hidden="true">'
        f'<div class="basis">{load:.3g} requests/s<br>{lines}</div></div>'
    )


def _thinned(loads: Sequence[float], most: int = 25) -> Sequence[float]:
    """So that a finger can tell them apart."""
    return loads[:: -(-len(loads) // most)]


def _drawable(curve: _Curve) -> bool:
    """Whether it is a curve, in order and above 0, which a logarithm needs."""
    rising = all(one[0] < other[0] for one, other in pairwise(curve))
    return len(curve) > 1 and rising and all(load > 0 and amount > 0 for load, amount in curve)


def _profiles(report: Report) -> list[Profile]:
    return [profile for name in report.strategies if (profile := report.profile(name))]


def _of(report: Report, what: str) -> str:
    return f"{WORKLOADS[report.main_workload].title}: {what}"


def _title(profile: Profile) -> str:
    return STRATEGIES[profile.strategy].title


def _colour(profile: Profile) -> int:
    return list(STRATEGIES).index(profile.strategy) % _COLOURS


def _dashed(profile: Profile) -> str:
    """What tells two strategies of one colour apart."""
    return " dashed" if list(STRATEGIES).index(profile.strategy) >= _COLOURS else ""


def _figure(name: str, title: str, marks: Iterable[str], axis: Sequence[str]) -> str:
    ticks = "".join(f"<span>{tick}</span>" for tick in axis)
    items = "\n".join(marks)
    return (
        f'<figure aria-labelledby="{name}">\n<h3 id="{name}">{text(title)}</h3>\n<ul>\n{items}\n</ul>\n'
        f'<div class="axis" aria-hidden="true">{ticks}</div>\n</figure>'
    )


def _mark(title: str, said: str, kind: str, shapes: str, rests_on: str) -> str:
    """One line of a figure. The names beside the picture are said by its title already."""
    return (
        f'<li class="mark" tabindex="0"><div class="name" aria-hidden="true"><span>{text(title)}</span>'
        f'<span class="{kind}">{MARKS[kind]} {text(said)}</span></div>'
        f'<div class="plot {kind}"><svg role="img"><title>{text(f"{title}: {said}; {rests_on}")}</title>{shapes}</svg>'
        f'</div><div class="basis" aria-hidden="true">{text(rests_on)}</div></li>'
    )


def text(words: str) -> str:
    return escape(words, quote=True)
