"""The report as one HTML file that needs nothing else: no network, no script, readable on a phone and by ear.

Its words are `findings`' and `rows`', its charts `charts`', its frame and style are in `report.html`. What comes from a
run passes through `text`, and the page's own policy forbids it to load or to run anything, should something ever get
past that.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from string import Template

import orjson

from stepwell.bench.catalog import WORKLOADS
from stepwell.bench.oracles.anomalies import Witness
from stepwell.bench.report import charts, findings
from stepwell.bench.report.charts import MARKS, text
from stepwell.bench.report.data import Report
from stepwell.bench.report.rows import (
    FOUND,
    INVALID,
    NONE,
    NOT_AS_EXPECTED,
    OVER,
    PLAIN,
    Entry,
    Table,
    matrices,
    overview,
)

SPOKEN = {FOUND: "anomaly found", NONE: "none seen", INVALID: "says nothing", OVER: "over the budget"}


def page(report: Report) -> str:
    """The whole document."""
    frame = Template(resources.files("stepwell.bench.report").joinpath("report.html").read_text("utf-8"))
    return frame.substitute(
        heading=text(findings.heading(report)),
        summary=text(f"{findings.summary(report)}. {report.started_at}"),
        budget=text(findings.budget(report)),
        opening=text(findings.opening(report)),
        overview=_table(overview(report)),
        key="".join(f'<li class="{kind}">{MARKS[kind]} {said}</li>' for kind, said in SPOKEN.items()),
        above="\n".join(_sections(findings.above(report), [witness for _, witness in findings.witnesses(report)])),
        charts=_charts(report),
        matrices="\n".join(f"<h3>{text(table.title)}</h3>\n{_table(table)}" for table in matrices(report)),
        below="\n".join(_sections(findings.below(report), [])),
        evidence=text(findings.EVIDENCE),
        again=text(report.command),
    )


def _charts(report: Report) -> str:
    """What broke in the main workload is open, the others are a touch away."""
    main = report.main_workload
    folded = (
        f"<details><summary>{text(WORKLOADS[name].title)}: what broke</summary>\n{_rates(report, name)}</details>"
        for name in report.workloads
        if name != main
    )
    opened = f"<h3>{text(WORKLOADS[main].title)}: what broke</h3>\n{_rates(report, main)}"
    return "\n".join(filter(None, (opened, *folded, charts.cost(report), charts.latency(report))))


def _rates(report: Report, workload: str) -> str:
    return f'<div class="charts">\n{charts.rates(report, workload)}\n{charts.recovery(report, workload)}\n</div>'


def _table(table: Table) -> str:
    # The roles say what the elements are by themselves, until a phone's style lays them out as blocks: browsers then
    # forget that it is a table.
    heads = "".join(f'<th role="columnheader" scope="col">{text(heading)}</th>' for heading in table.headings)
    rows = "\n".join(_row(title, table.headings[1:], entries) for title, entries in table.rows)
    return (
        f'<div class="scroll"><table role="table">\n'
        f'<caption class="unseen">{text(table.title)}, by strategy</caption>\n'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{rows}\n</tbody>\n</table></div>'
    )


def _row(title: str, headings: Sequence[str], entries: Sequence[Entry]) -> str:
    cells = "".join(_cell(heading, entry) for heading, entry in zip(headings, entries, strict=True))
    return f'<tr role="row"><th role="rowheader" scope="row">{text(title)}</th>{cells}</tr>'


def _cell(heading: str, entry: Entry) -> str:
    said = text(entry.text).replace("; ", "<br>")
    return (
        f'<td role="cell"><span class="label" aria-hidden="true">{text(heading)}</span>'
        f'<b class="{entry.kind}">{_mark(entry.kind)}{said}</b>'
        + (f"<small> ({text(entry.note)})</small>" if entry.note else "")
        + (f"<em> {NOT_AS_EXPECTED}</em>" if entry.surprises else "")
        + "</td>"
    )


def _mark(kind: str) -> str:
    if kind == PLAIN:
        return ""
    return f'<span aria-hidden="true">{MARKS[kind]} </span><span class="unseen">{SPOKEN[kind]}: </span>'


def _sections(said: Mapping[str, list[str]], witnesses: Sequence[Witness]) -> Iterable[str]:
    for title, lines in said.items():
        proofs = [_proof(each) for each in witnesses] if title == findings.WITNESSES else [""] * len(lines)
        items = "\n".join(f"<li>{text(line)}{proof}</li>" for line, proof in zip(lines, proofs, strict=True))
        yield f"<section>\n<h2>{text(title)}</h2>\n<ul>\n{items}\n</ul>\n</section>"


def _proof(witness: Witness) -> str:
    rows = "\n".join(text(orjson.dumps(row).decode()) for row in witness.rows)
    return f'<details><summary>the rows that prove it</summary><pre tabindex="0">{rows}</pre></details>'
