"""A run of pairs in words: the lines of a table, and a document with the diffs.

What was timed on this machine is shown as a ratio of the two variants and never as a time.
"""

from collections.abc import Iterator, Sequence

from stepwell.bench.pitfalls.pairs import Figure, Result, change
from stepwell.bench.pitfalls.run import Run
from stepwell.bench.report.rows import entry

HEADINGS = ("pitfall", "change", "figure", "before", "after", "ratio", "says")
_FIGURE_HEADINGS = HEADINGS[2:6]
COMMAND = "stepwell bench pitfalls --markdown"

_OPENING = """\
Each pair is the same work twice: with a mistake that is made again and again, and with its fix. Both run on real parts,
Stepwell's Lambda workers and state machines, Valkey, and DynamoDB and SQS played by ministack, behind the benchmark's
layer where partitions are to have limits. The fix is shown as the whole diff between the two.

The ratio is what the fix leaves of it, or takes more. Counts, calls and bytes carry over to AWS and times do not: of
what was timed here only the ratio is given. A pair whose mistake did not show is `INVALID`."""


def verdict(result: Result) -> str:
    """`mended`, `not mended` or why the pair says nothing."""
    if result.invalid:
        return f"INVALID: {result.invalid}"
    return "mended" if result.mended else "NOT MENDED"


def size(result: Result) -> str:
    """`+3 −2`: lines that the fix adds and deletes."""
    lines = change(result.pair)
    return f"+{lines.added} −{lines.removed}"


def lines(run: Run) -> list[tuple[str, ...]]:
    """A line for each figure, under HEADINGS; what is about the pair stands in its first."""
    told: list[tuple[str, ...]] = []
    for result in run.results:
        first = result.pair.name, size(result), verdict(result)
        for row in figures(result):
            name, changed, says = first
            told.append((name, changed, *row, says))
            first = "", "", ""
    return told


def figures(result: Result) -> Iterator[tuple[str, str, str, str]]:
    """What was counted before and after, and what is left of it as a share."""
    for before, after in zip(result.before, result.after, strict=True):
        ratio = f"{after.rate / before.rate:.2g}" if before.rate else "–"
        yield before.what, _text(before), _text(after), ratio


def _text(figure: Figure) -> str:
    if figure.verdict:
        return str(entry(figure.verdict))
    if figure.relative:
        return "timed"
    return f"{figure.amount:,.0f} in {figure.of:,} {figure.each}"


def document(run: Run) -> str:
    """The run as Markdown that ends with a newline."""
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    rows = [(row[0] and f"[{row[0]}](#{row[0]})", *row[1:]) for row in lines(run)]
    parts = [
        "# Pitfalls, before and after",
        _OPENING,
        f"This page was written by `{COMMAND}` on {run.started_at} in {run.seconds:.0f} s.\n{run.machine}; {versions}.",
        _table(HEADINGS, rows),
        *(_section(result) for result in run.results),
    ]
    return "\n\n".join(parts) + "\n"


def _section(result: Result) -> str:
    pair = result.pair
    parts = [
        f"## {pair.name}",
        f"**{pair.title}: {verdict(result)}**",
        f"- Mistake: {pair.mistake}\n- Fix: {pair.fix}\n- Mind: {pair.remark}",
        _table(_FIGURE_HEADINGS, list(figures(result))),
        *([f"Witness: {result.witness}."] if result.witness else []),
        "\n".join(("```diff", *change(pair).lines, "```")),
    ]
    return "\n\n".join(parts)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    table = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in table)
