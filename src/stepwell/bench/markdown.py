"""The report as Markdown, to be pasted into a decision record or a pull request: the words of the terminal's screen."""

import re

from stepwell.bench.report import (
    EVIDENCE,
    HEADINGS,
    NOT_AS_EXPECTED,
    REFUSED,
    Cell,
    Report,
    Row,
    again,
    losses,
    sections,
    summary,
)

# The colon of `https://` is among them because GitHub makes links of bare addresses too.
_MARKUP = re.compile(r"[\\`*_\[\]<>|~#&]|:(?=//)")


def document(report: Report) -> str:
    """The whole report, as GitHub-flavoured Markdown that ends with a newline."""
    parts = [
        "# stepwell bench quick",
        f"{_text(summary(report))}, {_text(report.started_at)}",
        _text(losses(report)),
        _table(report),
        *(_section(title, lines) for title, lines in sections(report).items()),
        f"{EVIDENCE} Again: `{again(report)}`",
    ]
    return "\n\n".join(parts) + "\n"


def _section(title: str, lines: list[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {_text(line)}" for line in lines)


def _table(report: Report) -> str:
    headings = ["strategy", *HEADINGS.values(), REFUSED]
    lines = [headings, ["---"] * len(headings), *(_row(row) for row in report.rows)]
    return "\n".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |" for line in lines)


def _row(row: Row) -> list[str]:
    return [_text(row.title), *(_cell(row.cells[measure]) for measure in HEADINGS), row.refusals]


def _cell(cell: Cell) -> str:
    """In bold what is an anomaly or invalid."""
    text = _text(cell.text())
    bold = f"**{text}**" if cell.verdict.count or cell.verdict.invalid else text
    return f"{bold}, *{NOT_AS_EXPECTED}*" if cell.disagrees else bold


def _text(words: str) -> str:
    """One line in which nothing is markup."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(words.split()))
