"""The report as Markdown, to be pasted into a decision record or a pull request: the words of the terminal's screen."""

import re
from collections.abc import Mapping

from stepwell.bench.report import findings
from stepwell.bench.report.data import Report
from stepwell.bench.report.rows import FOUND, INVALID, NOT_AS_EXPECTED, OVER, Entry, Table, matrices, overview

# The colon of `https://` is among them because GitHub makes links of bare addresses too.
_MARKUP = re.compile(r"[\\`*_\[\]<>|~#&]|:(?=//)")
_BOLD = {FOUND, INVALID, OVER}


def document(report: Report) -> str:
    """The whole report, as GitHub-flavoured Markdown that ends with a newline."""
    parts = [
        f"# {_text(findings.heading(report))}",
        f"{_text(findings.summary(report))}. {_text(report.started_at)}",
        _text(findings.budget(report)),
        _text(findings.opening(report)),
        _table(overview(report)),
        *_sections(findings.above(report)),
        findings.EVIDENCE,
        *(f"## {_text(table.title)}\n\n{_table(table)}" for table in matrices(report)),
        *_sections(findings.below(report)),
        f"Again: {_text(report.command)}",
    ]
    return "\n\n".join(parts) + "\n"


def _sections(said: Mapping[str, list[str]]) -> list[str]:
    return [f"## {title}\n\n" + "\n".join(f"- {_text(line)}" for line in lines) for title, lines in said.items()]


def _table(table: Table) -> str:
    rows = ([_text(title), *(_cell(entry) for entry in entries)] for title, entries in table.rows)
    lines = [[_text(heading) for heading in table.headings], ["---"] * len(table.headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(entry: Entry) -> str:
    """In bold what is an anomaly, invalid or over the budget."""
    text = _text(str(entry))
    bold = f"**{text}**" if entry.kind in _BOLD else text
    return f"{bold}, *{NOT_AS_EXPECTED}*" if entry.surprises else bold


def _text(words: str) -> str:
    """One line in which nothing is markup."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(words.split()))
