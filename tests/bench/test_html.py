"""The report as files: the same words as on the terminal, in one page that loads nothing and that nothing can break."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html import escape, unescape
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console
from tests.bench.reports import report

from stepwell.bench import html, markdown, quick
from stepwell.bench.certify import Certificate, Trial
from stepwell.bench.oracles import Verdict, Witness
from stepwell.bench.report import (
    EVIDENCE,
    HEADINGS,
    MEASURES,
    NOT_AS_EXPECTED,
    REFUSED,
    Report,
    UnreadableReport,
    as_members,
    back_ends,
    conclusions,
    losses,
    parse,
    sections,
    summary,
    witnesses,
)
from stepwell.bench.screen import render
from stepwell.commands import bench as command

HOSTILE = (
    '</title><script>alert(1)</script><img src=http://evil.example/x onerror="x()">'
    " | `a` [b](http://evil.example) 'q' $opening"
)
VOID = {"meta", "br", "line", "circle", "img", "link", "input"}
SILENT = Verdict(0, 0, invalid="fault never fired")


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    def walk(self) -> Iterator["Element"]:
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, *tags: str) -> list["Element"]:
        return [element for element in self.walk() if element.tag in tags]

    def classed(self, name: str) -> list["Element"]:
        return [element for element in self.walk() if name in element.attributes.get("class", "").split()]

    def text(self, *, spoken: bool = False) -> str:
        """What is written, or what is read out, in one line."""
        parts = [
            child if isinstance(child, str) else child.text(spoken=spoken)
            for child in self.children
            if isinstance(child, str) or not (spoken and child.attributes.get("aria-hidden") == "true")
        ]
        return " ".join(" ".join(parts).split())


class Tree(HTMLParser):
    """Fails where an element is closed that is not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]
        self.feed(text)
        self.close()
        assert self.open == [self.root], f"never closed: {[each.tag for each in self.open[1:]]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def tree(found: Report) -> Element:
    return Tree(html.page(found)).root


def flat(words: str) -> str:
    return " ".join(words.split())


def hostile() -> Report:
    """Every word in it that a run or a stranger's file can bring is an attempt to leave its place."""
    row = {HOSTILE: HOSTILE}
    broken = Certificate(HOSTILE, (Trial(HOSTILE, 9, 9, 1),))
    found = report(
        blind__hot_key=Verdict(9, 10, (Witness(HOSTILE, (row,)),)), conditional__stuck=Verdict(0, 0, invalid=HOSTILE)
    )
    return replace(found, run=HOSTILE, started_at=HOSTILE, machine=row, versions=row, certificates=(broken,))


def test_the_table_has_every_cell_under_its_heading() -> None:
    found = report(blind__worker_died=Verdict(0, 9), conditional__stuck=SILENT)
    (table,) = tree(found).all("table")
    rows = table.all("tr")
    assert [flat(each.text()) for each in rows[0].all("th")] == [
        "strategy", *(flat(heading) for heading in HEADINGS.values()), flat(REFUSED)
    ]  # fmt: skip
    for row, line in zip(found.rows, rows[1:], strict=True):
        (head,) = line.all("th")
        assert (head.text(), head.attributes["scope"], head.attributes["role"]) == (row.title, "row", "rowheader")
        cells = line.all("td")
        assert len(cells) == len(MEASURES) + 1
        for measure, cell in zip(HEADINGS, cells, strict=False):
            assert cell.text().startswith(flat(HEADINGS[measure]))
            assert row.cells[measure].text() in cell.text()
            assert (NOT_AS_EXPECTED in cell.text()) is row.cells[measure].disagrees
        assert cells[-1].text(spoken=True) == "30 of 40"


@pytest.mark.parametrize(
    ("verdict", "mark", "spoken"),
    [
        (Verdict(3, 9), "●", "anomaly found: 3 of 9 not as expected"),
        (Verdict(0, 9), "○", "none seen: 0 of 9 (at most 28 %)"),
        (SILENT, "✕", "says nothing: INVALID (fault never fired)"),
    ],
)
def test_what_was_found_is_seen_without_colour_and_heard(verdict: Verdict, mark: str, spoken: str) -> None:
    cell = tree(report(blind__stuck=verdict)).all("td")[MEASURES.index("stuck")]
    assert mark in cell.text()
    assert cell.text(spoken=True) == spoken


def test_each_rate_is_drawn_with_its_interval_and_named() -> None:
    found = report(conditional__stuck=SILENT)
    drawn = {each.all("title")[0].text(): each for each in tree(found).all("svg")}
    assert len(drawn) == len(found.rows) * len(MEASURES)
    name = "blind writes, updates lost, one key: 9 of 10"
    picture = drawn[f"{name}; 95 % interval 55 % to 100 %; fault fired 10 times; an anomaly was expected"]
    assert picture.classed("range")[0].attributes["x1"] == "55.5%"
    assert picture.classed("range")[0].attributes["x2"] == "99.7%"
    assert picture.all("circle")[0].attributes["cx"] == "90.0%"
    silent = "conditional writes, stuck: INVALID (fault never fired); fault fired 10 times; none was expected"
    assert drawn[silent].all("circle") == []


def test_each_mark_can_be_reached_by_keyboard_and_finger() -> None:
    marks = tree(report()).classed("mark")
    assert len(marks) == 20
    assert all(mark.attributes["tabindex"] == "0" and mark.classed("basis")[0].text() for mark in marks)


def test_a_witness_shows_the_rows_that_prove_it() -> None:
    rows = [each.all("pre")[0].text() for each in tree(report()).all("details")]
    assert rows == ['{"sequence":1}'] * 3


@pytest.mark.parametrize("found", [report(), report(blind__worker_died=Verdict(0, 9), conditional__stuck=SILENT)])
def test_terminal_page_and_markdown_say_the_same_in_the_same_order(found: Report) -> None:
    console = Console(width=1000, highlight=False)
    with console.capture() as capture:
        console.print(render(found, console.width))
    below = (word for title, lines in sections(found).items() for word in (title, *lines))
    said = [summary(found), losses(found), *below, EVIDENCE]
    plain = re.sub(r"\\(.)", r"\1", markdown.document(found))
    for rendering in (flat(capture.get()), tree(found).all("body")[0].text(), flat(plain)):
        positions = [rendering.index(word) for word in said]
        assert positions == sorted(positions)


def test_the_page_needs_nothing_from_outside() -> None:
    root = tree(hostile())
    assert not root.all("script", "link", "img", "iframe", "object", "base", "a", "form", "use", "image", "style")[1:]
    loads = {"src", "href", "srcset", "xlink:href", "action", "data", "background", "poster"}
    for element in root.walk():
        assert not loads & element.attributes.keys()
        assert not [name for name in element.attributes if name.startswith("on")]
    (style,) = root.all("style")
    assert not re.search(r"url\(|@import|https?:|//", style.text())
    (policy,) = (each for each in root.all("meta") if each.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_hostile_words_stay_words() -> None:
    found = hostile()
    root = tree(found)
    assert root.all("title")[0].text() == f"stepwell bench quick: run {HOSTILE}"
    body = root.all("body")[0].text()
    for words in (summary(found), witnesses(found)[-1][1].text, *back_ends(found), *conclusions(found)):
        assert flat(words) in body
    assert json.loads(root.all("details")[-1].all("pre")[0].text()) == {HOSTILE: HOSTILE}
    assert {each.tag for each in root.walk()} == {each.tag for each in tree(report(conditional__stuck=SILENT)).walk()}


def test_the_elements_that_are_named_exist_once() -> None:
    elements = list(tree(report()).walk())
    names = [each.attributes["id"] for each in elements if "id" in each.attributes]
    assert len(names) == len(set(names)) == 1 + len(MEASURES)
    assert {each.attributes.get("aria-labelledby") for each in elements} == {None, *names}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it, of `#rrggbb`."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("theme", "colour", "ground"),
    list(product((0, 1), ("text", "dim", "found", "none", "invalid"), ("page", "panel"))),
)
def test_text_has_a_contrast_of_at_least_four_and_a_half_in_both_themes(theme: int, colour: str, ground: str) -> None:
    (style,) = tree(report()).all("style")
    blocks = re.findall(r":root \{(.*?)\}", style.text())
    assert len(blocks) == 2
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", blocks[theme]))
    low, high = sorted(luminance(colours[name]) for name in (colour, ground))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_the_markdown_table_has_every_cell() -> None:
    found = report(blind__worker_died=Verdict(0, 9), conditional__stuck=SILENT)
    lines = [line for line in markdown.document(found).splitlines() if line.startswith("|")]
    assert lines == [
        "| strategy | charged twice, delivered twice | charged twice, worker died | updates lost, one key "
        "| never charged | stuck | writes refused |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| blind writes | **9 of 10** | 0 of 9 (at most 28 %), *not as expected* | **9 of 10** "
        "| 0 of 412 (at most 0.7 %) | 0 of 412 (at most 0.7 %) | 30 of 40 |",
        "| conditional writes | 0 of 412 (at most 0.7 %) | **9 of 10** | 0 of 412 (at most 0.7 %) "
        "| 0 of 412 (at most 0.7 %) | **INVALID (fault never fired)** | 30 of 40 |",
        "| orchestration on Stepwell | 0 of 412 (at most 0.7 %) | **9 of 10** | 0 of 412 (at most 0.7 %) "
        "| 0 of 412 (at most 0.7 %) | 0 of 412 (at most 0.7 %) | 30 of 40 |",
        "| orchestration + idempotency key | 0 of 412 (at most 0.7 %) | 0 of 412 (at most 0.7 %) "
        "| 0 of 412 (at most 0.7 %) | 0 of 412 (at most 0.7 %) | 0 of 412 (at most 0.7 %) | 30 of 40 |",
    ]


def test_hostile_words_are_no_markdown() -> None:
    text = markdown.document(hostile())
    bare = re.sub(r"\\.", "", text.replace("**", ""))
    assert not re.search(r"[<>\[\]]|https?://", bare)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 8 for line in text.splitlines() if line.startswith("|"))


@pytest.mark.parametrize("found", [report(), hostile(), report(conditional__stuck=SILENT)])
def test_a_report_is_read_back_as_it_was_written(found: Report) -> None:
    assert parse(json.dumps(as_members(found)).encode()) == found


def spoiled(*path: str | int, value: object) -> bytes:
    members = json.loads(json.dumps(as_members(report())))
    inner = members
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `run`"),
        (b'{"run": "\xff"}', "utf-8"),
        (spoiled("seconds", value="long"), r"Expected `float`, got `str` - at `\$.seconds`"),
        (spoiled("run", value="\x1b[2J"), r"matching regex .* at `\$.run`"),
        (spoiled("machine", "cores", value="2\x9b0m"), r"matching regex .* at `\$.machine"),
        (spoiled("strategies", value=[]), "its strategies are not blind, conditional, orchestration, orch"),
        (spoiled("strategies", 1, "strategy", value="blind"), "its strategies are not"),
        (spoiled("strategies", 0, "cells", value={}), "the cells of blind are not delivered-twice, worker-died"),
        (spoiled("strategies", 0, "cells", "stuck", "count", value=-1), "Expected `int` >= 0"),
        (spoiled("strategies", 0, "cells", "stuck", "count", value=413), "a cell counts 413 of 412"),
    ],
)
def test_what_is_no_report_is_refused_with_the_place(text: bytes, reason: str) -> None:
    with pytest.raises(UnreadableReport, match=reason):
        parse(text)


def test_quick_writes_the_pages_beside_the_histories(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(quick, "run", lambda settings, notify: report())
    result = CliRunner().invoke(command.bench, ["quick", "--out", str(tmp_path)])
    assert f"Histories and {tmp_path / 'report.html'}" in result.stdout
    assert (tmp_path / "report.html").read_text("utf-8") == html.page(report())
    assert (tmp_path / "report.md").read_text("utf-8") == markdown.document(report())


def test_quick_writes_nothing_unless_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(quick, "run", lambda settings, notify: report())
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command.bench, ["quick"])
    assert list(tmp_path.iterdir()) == []
    assert "report.html" not in result.stdout


@pytest.mark.parametrize(("found", "code"), [(report(), 0), (report(conditional__stuck=SILENT), 1)])
def test_a_run_is_shown_again_from_its_counts(tmp_path: Path, found: Report, code: int) -> None:
    members = as_members(found) | {"losses": "Stepwell never loses.", "conclusions": []}
    (tmp_path / "report.json").write_text(json.dumps(members))
    result = CliRunner().invoke(command.bench, ["report", str(tmp_path)])
    assert result.exit_code == code
    assert flat(losses(found)) in flat(result.stdout)
    assert "never loses" not in result.stdout
    assert (tmp_path / "report.html").read_text("utf-8") == html.page(found)
    assert (tmp_path / "report.md").read_text("utf-8") == markdown.document(found)


@pytest.mark.parametrize(("text", "reason"), [(None, "No such file"), ("{}", "missing required field `run`")])
def test_a_folder_without_a_report_is_one_message(tmp_path: Path, text: str | None, reason: str) -> None:
    if text:
        (tmp_path / "report.json").write_text(text)
    result = CliRunner().invoke(command.bench, ["report", str(tmp_path)])
    assert result.exit_code == 1
    assert f"Error: {tmp_path / 'report.json'} cannot be read as the report of a run" in result.stderr
    assert reason in result.stderr
    assert not (tmp_path / "report.html").exists()


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

MEASURE = """
const frames = [...document.querySelectorAll('iframe')];
addEventListener('load', () => {
  const seen = frames.map(frame => {
    const page = frame.contentDocument, mark = page.querySelector('.mark'), basis = mark.querySelector('.basis');
    const shown = element => frame.contentWindow.getComputedStyle(element).display;
    const before = shown(basis);
    mark.focus();
    return {
      width: page.documentElement.clientWidth, needed: page.documentElement.scrollWidth,
      row: shown(page.querySelector('tbody tr')), label: shown(page.querySelector('.label')),
      basis: [before, shown(basis)],
      circle: page.querySelector('circle').getBoundingClientRect().width,
    };
  });
  const result = document.createElement('output');
  result.textContent = JSON.stringify(seen);
  document.body.append(result);
});
"""


def browse(page: str, widths: tuple[int, ...], folder: Path) -> list[dict[str, object]]:
    """What a browser makes of a page in frames of these widths; a window of its own cannot be as narrow as a phone."""
    inner = f'height:800px;border:0" srcdoc="{escape(page)}"></iframe>'
    frames = "".join(f'<iframe style="width:{width}px;{inner}' for width in widths)
    wrapper = folder / "wrapper.html"
    wrapper.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{frames}<script>{MEASURE}</script></body>", "utf-8")
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1600,1200 --dump-dom"
    )
    done = subprocess.run(
        [str(CHROMIUM), *options.split(), f"--user-data-dir={folder / 'profile'}", wrapper.as_uri()],
        capture_output=True, text=True, timeout=90, check=True,
    )  # fmt: skip
    (result,) = re.findall(r"<output>(.*?)</output>", done.stdout, re.DOTALL)
    seen: list[dict[str, object]] = json.loads(unescape(result))
    return seen


@pytest.mark.e2e
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_in_a_browser_nothing_is_wider_than_a_phone_and_a_phone_has_no_columns(tmp_path: Path) -> None:
    reason = "dynamodb is not certified: atomic counters: 3 of 900 wrong"
    found = report(conditional__stuck=Verdict(0, 0, invalid=reason), blind__worker_died=Verdict(0, 9))
    found = replace(found, run="x" * 90)
    pages = browse(html.page(found), (375, 768, 920, 1280), tmp_path)
    phone, desktop = pages[0], pages[-1]
    for seen in pages:
        assert seen["needed"] == seen["width"]
        assert seen["basis"] == ["none", "block"]
        assert seen["circle"] == pytest.approx(9, abs=2.5)
    assert (phone["row"], phone["label"]) == ("block", "block")
    assert (desktop["row"], desktop["label"]) == ("table-row", "none")
