"""`decision.md`: what to do, on what that rests, what breaks and what mends it, and what is not known.

It names no winner by a number. It says which prototypes held, and of those which changes the least.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stepwell.bench.catalog import STUCK
from stepwell.bench.history import Op
from stepwell.bench.measures.cost import bill, meter
from stepwell.bench.measures.latency_budget import load_profile, service, typical
from stepwell.bench.measures.statistics import at_most
from stepwell.bench.oracles.anomalies import Verdict, acknowledged
from stepwell.bench.own.bed import Real
from stepwell.bench.own.drive import Cell
from stepwell.bench.own.identity import address, pattern
from stepwell.bench.own.init import listed
from stepwell.bench.own.prototypes import AS_IS, size_of_change
from stepwell.bench.own.state import PROTOTYPES, Operation, State
from stepwell.pricing.prices import load_prices

if TYPE_CHECKING:
    from stepwell.bench.own.run import Measured

_HOW_TO_READ = """\
`0 of n (at most x %)` is the bound of Clopper and Pearson with 95 % confidence. Counted against what an undisturbed
request does. Shared records count in changes, all else in requests."""

_LOAD_PER_SECOND = 10.0
"""For what is paid by the hour. A month has 26 million such requests."""

_BAD = str.maketrans({"|": "\\|", "<": "&lt;", "\n": " ", "`": "'"})


def document(folder: Path, state: State, done: Sequence["Measured"], real: Real, seed: int) -> str:
    """The whole file, as Markdown."""
    sections = {
        "Decision": _decision(folder, done),
        "Evidence": _evidence(folder, done),
        "What breaks, and what mends it": _breaks(folder, state, done),
        "Latency and cost": _budgets(state, done),
        "Open questions": _questions(state, done, real),
    }
    head = f"# {_safe(folder.resolve().name)}: how its state is kept"
    when = f"Measured on {datetime.now(UTC):%Y-%m-%d}, seed {seed}, {_where(real)}."
    parts = [f"## {title}\n\n" + "\n".join(lines) for title, lines in sections.items()]
    return "\n\n".join([head, when, *parts]) + "\n"


def _where(real: Real) -> str:
    if real.aws or real.endpoint_url or real.redis_url:
        return "against services that were given for it"
    return "on local stand-ins: evidence about the code and these back ends on this machine, not yet about AWS"


def _decision(folder: Path, done: Sequence["Measured"]) -> list[str]:
    sound = [each for each in done if _sound(each)]
    if not sound:
        unbroken = [each.name for each in done if each.cells and not any(cell.found for cell in each.cells)]
        also = f" Nothing broke in `{'`, `'.join(unbroken)}`, but some of its cells say nothing." if unbroken else ""
        return [f"None of the prototypes held under all faults that were asked for.{also} What mends each is below."]
    sizes = {each.name: sum(size_of_change(_as_is(folder), _path(folder, each.name)).values()) for each in sound}
    least = min(sound, key=lambda each: sizes[each.name])
    others = [f"`{each.name}` held as well, with {_lines(sizes[each.name])}." for each in sound if each is not least]
    why = "it is as it was" if least.name == AS_IS else f"it takes {_lines(sizes[least.name])} more than `{AS_IS}`"
    first = f"Take **`{least.name}`** ({_safe(least.prototype.title)}): it held under every fault below, and {why}."
    return [
        " ".join([first, *others]),
        "",
        "It is the smallest change that held, not the best one by any other measure.",
    ]


def _sound(each: "Measured") -> bool:
    """Whether it was measured, and nothing was found in any cell that says something."""
    return bool(each.cells) and not any(cell.found or cell.invalid for cell in each.cells)


def _evidence(folder: Path, done: Sequence["Measured"]) -> list[str]:
    measures = list(next((cell.verdicts for each in done for cell in each.cells), {}))
    lines = [f"| prototype | fault | fired | {' | '.join(measures)} |", "|---" * (3 + len(measures)) + "|"]
    for each in done:
        for cell in each.cells:
            shown = " | ".join(_cell(found) for found in cell.verdicts.values())
            lines.append(f"| {each.name} | {cell.fault} | {cell.fired} | {shown} |")
    lines += ["", _HOW_TO_READ]
    lines += [f"- `{each.name}` could not be measured: {_safe(each.failure)}" for each in done if each.failure]
    lines.append("")
    for each in done:
        if each.name != AS_IS and _as_is(folder).is_dir():
            lines.append(f"- `{each.name}` is `{AS_IS}` with {_change(_as_is(folder), _path(folder, each.name))}")
    return lines


def _cell(found: Verdict) -> str:
    if found.invalid:
        return f"INVALID ({_safe(found.invalid)})"
    text = f"{found.count} of {found.exposed}"
    return text if found.count else f"{text} (at most {100 * at_most(0, found.exposed):.1f} %)"


def _breaks(folder: Path, state: State, done: Sequence["Measured"]) -> list[str]:
    lines = []
    for each in done:
        for cell in each.cells:
            for measure, found in cell.found.items():
                lines.append(f"- **{each.name}, {cell.fault}: {measure} {found.count} of {found.exposed}.**")
                lines += [f"  - {_safe(witness.text)}" for witness in found.witnesses[:1] + found.witnesses[1:][-1:]]
                lines += [f"  - {line}" for line in _mends(folder, done, each, cell, measure)]
    return lines or ["Nothing broke that was measured."]


def _mends(folder: Path, done: Sequence["Measured"], broken: "Measured", cell: Cell, measure: str) -> Iterator[str]:
    for other in done:
        held = [each for each in other.cells if each.fault == cell.fault and not each.invalid]
        if other is not broken and held and measure not in held[0].found:
            change = _change(_path(folder, broken.name), _path(folder, other.name))
            yield f"`{other.name}` held here, by {change}."
    if measure == STUCK:
        yield "Nobody carries it on: let the one who delivers it try again, or give its state a Retry and a time limit."
    said = " ".join(witness.text for witness in cell.found[measure].witnesses)
    for each in listed(broken.ops, load_profile()):
        if each.access != "read" and not each.conditional and each.key in said:
            yield f"{_safe(each.title)} in {_safe(each.function)} is repeated blindly: {_advice(each)}."


def _advice(operation: Operation) -> str:
    match operation.call.partition(".")[0]:
        case "outside":
            return "send an Idempotency-Key that is the same for every try, and have the other side honour it"
        case "dynamodb" | "redis" | "s3":
            return "make it conditional, on what was read or on this request not being in it yet"
    return "claim the request before it, or give it an id by which the receiver can tell a repetition"


def _budgets(state: State, done: Sequence["Measured"]) -> list[str]:
    profile, prices = load_profile(), load_prices()
    lines = ["| prototype | latency | made of | cost per million |", "|---|---|---|---|"]
    over = []
    for each in done:
        correct = len(acknowledged(each.ops))
        if not correct:
            continue
        ops = [*each.ops, *_invocations(each.ops)]
        latency = typical(ops, profile)
        cost = bill(meter(ops, profile), correct, prices).at(_LOAD_PER_SECOND)
        lines.append(
            f"| {each.name} | {latency.text(state.latency_ms)} | {latency.breakdown()} | {cost.text()} of "
            f"${state.cost:,.2f} |"
        )
        over += [f"- {each.name}: {line}" for line in _over_marks(state, each.ops, correct)]
    note = ["", "Counted operations of an undisturbed request times assumed round trips, and times the price file of",
            f"{prices.date}. No time was taken from this machine."]  # fmt: skip
    return [*lines, *note, *(["", "Over what `state.yaml` marks:", *over] if over else [])]


def _invocations(ops: Sequence[Op]) -> Iterator[Op]:
    """Of the functions: each is what its operations have in common."""
    inside: dict[tuple[str, str, int], list[Op]] = defaultdict(list)
    for op in ops:
        if op.step:
            inside[op.request, op.step, op.attempt].append(op)
    for (request, step, attempt), rows in inside.items():
        at = min(op.invoked_at for op in rows)
        yield replace(
            rows[0], id=f"{request}/{step}/{attempt}", kind="invoke", call="lambda.Invoke", key=step, bytes=0, mode="",
            intended_at=at, invoked_at=at, returned_at=max(op.returned_at or at for op in rows),
        )  # fmt: skip


def _over_marks(state: State, ops: Sequence[Op], correct: int) -> Iterator[str]:
    profile, prices = load_profile(), load_prices()
    for mark in state.operations:
        rows = [op for op in ops if op.step == mark.function and op.call == mark.call and _same_key(op, mark)]
        if not rows:
            continue
        takes = profile.milliseconds.get(service(rows[0]), 0.0)
        if takes > mark.latency_ms:
            yield f"{_safe(mark.title)} takes {takes:g} ms, more than {mark.latency_ms:g}"
        dollars = bill(meter(rows, profile), correct, prices).at(_LOAD_PER_SECOND).dollars
        if dollars > mark.cost:
            yield f"{_safe(mark.title)} costs ${dollars:,.2f} in a million requests, more than ${mark.cost:,.2f}"


def _same_key(op: Op, mark: Operation) -> bool:
    return mark.key in (address(op.key), pattern(op.key))


def _questions(state: State, done: Sequence["Measured"], real: Real) -> list[str]:
    asked = []
    if any(each.effect and each.call.startswith("outside.") for each in state.operations):
        asked.append(
            "Does each provider honour an Idempotency-Key, and for how long? The stand-in here does, for ever."
        )
    if not (real.aws or real.endpoint_url):
        asked.append("Does it hold on the real services? Run it again with `--endpoint-url`, `--redis-url` or `--aws`.")
    asked += [f"`{each.name}`, {cell.fault}: says nothing, because {_safe(cell.invalid)}."
              for each in done for cell in each.cells if cell.invalid]  # fmt: skip
    asked += [f"`{each.name}`: {_safe(field)} changes by no constant amount and was not compared."
              for each in done if each.reference for field in each.reference.uncompared]  # fmt: skip
    unjudged = [each.title for each in state.operations if each.consistency == "any"]
    asked += [f"{_safe(title)} is marked `consistency: any` and was not judged: is that so?" for title in unjudged]
    unpriced = {call for each in done for call in meter(each.ops, load_profile()).unpriced}
    asked += [f"What does {_safe(call)} cost? The price file does not say." for call in sorted(unpriced)]
    asked.append("Are the marks in `state.yaml` what the team wants, or still those that it was filled with?")
    return [f"- {question}" for question in asked]


def _as_is(folder: Path) -> Path:
    return _path(folder, AS_IS)


def _path(folder: Path, name: str) -> Path:
    return folder / PROTOTYPES / name


def _change(one: Path, other: Path) -> str:
    """`106 changed lines: 95 in src/once.py, 11 in template.yaml`."""
    sizes = size_of_change(one, other)
    return f"{_lines(sum(sizes.values()))}: {', '.join(f'{count} in {_safe(name)}' for name, count in sizes.items())}"


def _lines(count: int) -> str:
    return f"{count} changed line{'' if count == 1 else 's'}"


def _safe(text: str | None) -> str:
    """Words that came from a project, so that they are words in Markdown too."""
    return (text or "").translate(_BAD)
