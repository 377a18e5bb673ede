"""The report as one HTML file that needs nothing else: no network, no script, readable on a phone and by ear.

Its words are `report`'s; its frame and style are in `report.html`. What comes from a run passes through `_text`, and
the page's own policy forbids it to load or to run anything, should something ever get past that.
"""

from collections.abc import Iterable
from html import escape
from importlib import resources
from string import Template

import orjson

from stepwell.bench.oracles import Witness
from stepwell.bench.report import (
    EVIDENCE,
    HEADINGS,
    NOT_AS_EXPECTED,
    REFUSED,
    WITNESSES,
    Cell,
    Report,
    Row,
    again,
    losses,
    sections,
    summary,
    witnesses,
)

FOUND, NONE, INVALID = "found", "none", "invalid"

MARKS = {FOUND: "●", NONE: "○", INVALID: "✕"}
"""What sets the kinds of cells apart where there is no colour."""

SPOKEN = {FOUND: "anomaly found", NONE: "none seen", INVALID: "says nothing"}


def page(report: Report) -> str:
    """The whole document."""
    frame = Template(resources.files("stepwell.bench").joinpath("report.html").read_text("utf-8"))
    return frame.substitute(
        title=_text(f"stepwell bench quick: run {report.run}"),
        heading="stepwell bench quick",
        summary=_text(f"{summary(report)}, {report.started_at}"),
        opening=_text(losses(report)),
        table=_table(report),
        key="".join(f'<li class="{what}">{mark} {SPOKEN[what]}</li>' for what, mark in MARKS.items()),
        charts="\n".join(_chart(measure, report.rows) for measure in HEADINGS),
        sections="\n".join(_sections(report)),
        evidence=_text(EVIDENCE),
        again=_text(again(report)),
    )


def kind(cell: Cell) -> str:
    """`FOUND`, `NONE` or `INVALID`."""
    if cell.verdict.invalid:
        return INVALID
    return FOUND if cell.verdict.count else NONE


def _table(report: Report) -> str:
    # The roles say what the elements are by themselves, until a phone's style lays them out as blocks: browsers then
    # forget that it is a table.
    columns = ("strategy", *HEADINGS.values(), REFUSED)
    heads = "".join(f'<th role="columnheader" scope="col">{_broken(column)}</th>' for column in columns)
    rows = "\n".join(_row(row) for row in report.rows)
    return (
        '<table role="table">\n<caption class="unseen">What was found, by strategy</caption>\n'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{rows}\n</tbody>\n</table>'
    )


def _row(row: Row) -> str:
    cells = "".join(_cell(heading, row.cells[measure]) for measure, heading in HEADINGS.items())
    refused = f'<td role="cell">{_label(REFUSED)}<b>{_text(row.refusals)}</b></td>'
    return f'<tr role="row"><th role="rowheader" scope="row">{_text(row.title)}</th>{cells}{refused}</tr>'


def _cell(heading: str, cell: Cell) -> str:
    count, bracket, rest = cell.text().partition(" (")
    what = kind(cell)
    return (
        f'<td role="cell">{_label(heading)}<b class="{what}">{_mark(what)} {_text(count)}</b>'
        + (f"<small> {_text(bracket.strip() + rest)}</small>" if bracket else "")
        + (f"<em> {NOT_AS_EXPECTED}</em>" if cell.disagrees else "")
        + "</td>"
    )


def _label(heading: str) -> str:
    return f'<span class="label" aria-hidden="true">{_flat(heading)}</span>'


def _mark(what: str) -> str:
    return f'<span aria-hidden="true">{MARKS[what]}</span><span class="unseen">{SPOKEN[what]}:</span>'


def _chart(measure: str, rows: Iterable[Row]) -> str:
    heading = _flat(HEADINGS[measure])
    marks = "\n".join(_interval(heading, row, row.cells[measure]) for row in rows)
    return (
        f'<figure aria-labelledby="rate-{measure}">\n<h3 id="rate-{measure}">{heading}</h3>\n<ul>\n{marks}\n</ul>\n'
        '<div class="axis" aria-hidden="true"><span>0 %</span><span>50 %</span><span>100 %</span></div>\n</figure>'
    )


def _interval(heading: str, row: Row, cell: Cell) -> str:
    count, what, basis = cell.text().partition(" (")[0], kind(cell), _text(cell.basis())
    name = f"{_text(row.title)}, {heading}: {_text(cell.text())}; {basis}"
    # The names beside the picture are said by its title already.
    return (
        f'<li class="mark" tabindex="0"><div class="name" aria-hidden="true"><span>{_text(row.title)}</span>'
        f'<span class="{what}">{MARKS[what]} {_text(count)}</span></div>'
        f'<div class="plot {what}"><svg role="img"><title>{name}</title>{_shapes(cell)}</svg></div>'
        f'<div class="basis" aria-hidden="true">{basis}</div></li>'
    )


def _shapes(cell: Cell) -> str:
    """Line and dot in per cent of the width, so that neither is distorted at any width."""
    rule = '<line class="rule" x1="0%" x2="100%" y1="7" y2="7"/>'
    what, (low, high) = kind(cell), cell.interval
    if what == INVALID:
        return rule
    rate = cell.verdict.count / cell.verdict.exposed
    return (
        f'{rule}<line class="range" x1="{100 * low:.1f}%" x2="{100 * high:.1f}%" y1="7" y2="7"/>'
        f'<circle class="{what}-dot" cx="{100 * rate:.1f}%" cy="7" r="4.5"/>'
    )


def _sections(report: Report) -> Iterable[str]:
    proofs = [_proof(witness) for _, witness in witnesses(report)]
    for title, lines in sections(report).items():
        below = proofs if title == WITNESSES else [""] * len(lines)
        items = "\n".join(f"<li>{_text(line)}{proof}</li>" for line, proof in zip(lines, below, strict=True))
        yield f"<section>\n<h2>{_text(title)}</h2>\n<ul>\n{items}\n</ul>\n</section>"


def _proof(witness: Witness) -> str:
    rows = "\n".join(_text(orjson.dumps(row).decode()) for row in witness.rows)
    return f'<details><summary>the rows that prove it</summary><pre tabindex="0">{rows}</pre></details>'


def _broken(heading: str) -> str:
    return _text(heading).replace("\n", "<br>")


def _flat(heading: str) -> str:
    return _text(" ".join(heading.split()))


def _text(words: str) -> str:
    return escape(words, quote=True)
