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
from rich.console import Console
from tests.bench.reports import SILENT, STRATEGIES, bare, profile, report

from stepwell.bench.catalog import (
    BLIND,
    CACHE,
    CONDITIONAL,
    COUNTER,
    CRASH,
    DUPLICATED,
    HOT_KEY,
    KEYED,
    LOST,
    ORCHESTRATION,
    ORDER,
    STUCK,
    WORKLOADS,
)
from stepwell.bench.oracles.anomalies import Verdict, Witness
from stepwell.bench.parts.certify import Certificate, Trial
from stepwell.bench.report import charts, findings, html, markdown
from stepwell.bench.report.data import Guard, Report
from stepwell.bench.report.rows import NOT_AS_EXPECTED, matrices, overview
from stepwell.bench.report.screen import render
from stepwell.bench.report.stored import as_members, parse

HOSTILE = (
    '</title><script>alert(1)</script><img src=http://evil.example/x onerror="x()">'
    " | `a` [b](http://evil.example) 'q' $opening"
)
VOID = {"meta", "br", "img", "link", "input"}


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
        {
            (ORDER, BLIND, HOT_KEY, LOST): Verdict(9, 10, (Witness(HOSTILE, (row,)),)),
            (ORDER, CONDITIONAL, CRASH, STUCK): Verdict(0, 0, invalid=HOSTILE),
        }
    )
    priced = replace(profile(BLIND, 0), latency_parts={HOSTILE: 20.0}, unverified=(HOSTILE,), calls={HOSTILE: 1.0})
    return replace(
        found, run=HOSTILE, preset=HOSTILE, command=HOSTILE, started_at=HOSTILE, machine=row, versions=row,
        certificates=(broken,), budget=replace(found.budget, consistency=HOSTILE), profiles=(priced,),
        guards=(Guard(strategy=BLIND, name=HOSTILE, lines=1, tried=True, caught_by=HOSTILE),),
    )  # fmt: skip


def odd() -> Report:
    """With all kinds of cells."""
    return report({(ORDER, BLIND, CRASH, DUPLICATED): Verdict(0, 9), (ORDER, KEYED, CRASH, STUCK): SILENT})


def test_the_tables_have_every_cell_under_its_heading() -> None:
    found = odd()
    drawn = tree(found).all("table")
    for table, element in zip([overview(found), *matrices(found)], drawn, strict=True):
        head, *lines = element.all("tr")
        assert [each.text() for each in head.all("th")] == list(table.headings)
        for (title, entries), line in zip(table.rows, lines, strict=True):
            (name,) = line.all("th")
            assert (name.text(), name.attributes["scope"], name.attributes["role"]) == (title, "row", "rowheader")
            for heading, entry, cell in zip(table.headings[1:], entries, line.all("td"), strict=True):
                said = str(entry).replace("; ", " ")
                assert cell.text().startswith(heading)
                assert cell.text(spoken=True).removesuffix(NOT_AS_EXPECTED).strip().endswith(said)
                assert (NOT_AS_EXPECTED in cell.text()) is entry.surprises


@pytest.mark.parametrize(
    ("verdict", "mark", "spoken"),
    [
        (Verdict(3, 9), "●", "anomaly found: stuck 3 of 9 not as expected"),
        (Verdict(0, 9), "○", "none seen: 0 of 9 (at most 28 %)"),
        (SILENT, "✕", "says nothing: INVALID (fault never fired)"),
    ],
)
def test_what_was_found_is_seen_without_colour_and_heard(verdict: Verdict, mark: str, spoken: str) -> None:
    found = report({(COUNTER, KEYED, CRASH, STUCK): verdict})
    cell = tree(found).all("table")[1].all("tr")[1 + STRATEGIES.index(KEYED)].all("td")[2]
    assert mark in cell.text()
    assert cell.text(spoken=True) == spoken


def pictures(found: Report) -> dict[str, Element]:
    return {each.all("title")[0].text(): each for each in tree(found).all("svg") if each.attributes.get("role")}


def test_each_rate_is_drawn_with_its_interval_and_named() -> None:
    drawn = pictures(odd())
    name = "key-value, blind: lost 9 of 10; duplicated 0 of 412 (at most 0.7 %); lost 9 of 10 (95 % interval 55 % to "
    picture = drawn[f"{name}100 %); stuck 0 of 412 (at most 0.7 %); fault fired 10 times; expected: lost"]
    assert picture.classed("range")[0].attributes["x1"] == "55.5%"
    assert picture.classed("range")[0].attributes["x2"] == "99.7%"
    assert picture.all("circle")[0].attributes["cx"] == "90.0%"
    silent = next(title for title in drawn if title.startswith("orchestration + idempotency key: INVALID"))
    assert "stuck INVALID (fault never fired)" in silent
    assert drawn[silent].all("circle") == []


def test_recovery_is_drawn_by_share_and_by_time() -> None:
    drawn = pictures(report())
    survived = next(each for title, each in drawn.items() if title.startswith("cache, compare and set: 30 of 40"))
    assert survived.all("circle")[0].attributes["cx"] == "75.0%"
    back = next(each for title, each in drawn.items() if title.startswith("cache, compare and set: 1.2 s"))
    assert back.all("rect")[0].attributes["width"] == "100.0%"


def test_latency_is_stacked_against_the_budget() -> None:
    (row,) = (each for title, each in pictures(report()).items() if title.startswith("key-value, conditional: 150 of"))
    assert [each.attributes["x"] for each in row.all("rect")] == ["0.00%", "17.46%"]
    assert [each.all("title")[0].text() for each in row.all("rect")] == ["dynamodb: 110.0 ms", "lambda: 40.0 ms"]
    assert row.all("line")[0].attributes["x1"] == f"{100 * 500 / 630:.2f}%"


def test_costs_are_drawn_over_load_with_their_crossings() -> None:
    found = report()
    (plane,) = tree(found).classed("plane")
    assert len(plane.all("polyline")) == len(STRATEGIES)
    said = [each.all("title")[0].text() for each in plane.classed("crossing")]
    assert any("cache, compare and set costs less than orchestration on Stepwell" in each for each in said)
    assert len(said) == len(STRATEGIES) - 1
    assert [each.text() for each in plane.all("text")][-2:] == ["expected", "doubled"]
    assert "key-value blind from 0.1/s, cache compare and set from 525/s" in plane.all("title")[0].text()
    asked = [each.text() for each in plane.classed("load")]
    assert len(asked) == 5
    assert asked[-1].startswith("1e+03 requests/s cache, compare and set: $1.40 key-value, blind: $2.00")


def test_two_curves_cross_where_both_are_the_same() -> None:
    falling = [(load, 1.0 + 400.0 / load) for load in (10.0**power for power in range(-1, 4))]
    ((load, dollars),) = charts.crossings(falling, [(0.1, 41.0), (1000.0, 41.0)])
    assert load == pytest.approx(10.0)
    assert dollars == pytest.approx(41.0)
    assert list(charts.crossings(falling, falling)) == []


@pytest.mark.parametrize("curve", [(), ((1.0, 2.0),), ((1.0, 0.0), (2.0, 0.0)), ((2.0, 1.0), (1.0, 2.0))])
def test_what_is_no_curve_is_not_drawn(curve: tuple[tuple[float, float], ...]) -> None:
    found = replace(report(), profiles=(replace(profile(BLIND, 0), curve=curve),))
    assert charts.cost(found) == ""
    assert charts.latency(found)


def test_without_prices_the_page_has_no_such_charts() -> None:
    root = tree(bare(report()))
    assert (root.classed("plane"), root.classed("legend")) == ([], [])


def test_each_mark_can_be_reached_by_keyboard_and_finger() -> None:
    marks = tree(report()).classed("mark")
    assert len(marks) == len(STRATEGIES) * (2 * (5 + 2) + 1)
    assert all(mark.attributes["tabindex"] == "0" and mark.classed("basis")[0].text() for mark in marks)


def test_a_witness_shows_the_rows_that_prove_it() -> None:
    rows = [each.all("pre")[0].text() for each in tree(report()).all("details") if each.all("pre")]
    assert rows == ['{"sequence":1}'] * 2


@pytest.mark.parametrize("found", [report(), odd(), bare(report())])
def test_terminal_page_and_markdown_say_the_same_in_the_same_order(found: Report) -> None:
    console = Console(width=1000, highlight=False)
    with console.capture() as capture:
        console.print(render(found, console.width))
    above, below = (
        [word for title, lines in part(found).items() for word in (title, *lines)]
        for part in (findings.above, findings.below)
    )
    # What each strategy has to be operated stands for more than one line: each is sought after the one before it.
    said = [findings.heading(found), findings.budget(found), findings.opening(found), *above, findings.EVIDENCE, *below]
    plain = re.sub(r"\\(.)", r"\1", markdown.document(found))
    for rendering in (flat(capture.get()), tree(found).all("body")[0].text(), flat(plain)):
        place = 0
        for words in said:
            place = rendering.index(words, place)


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
    assert root.all("title")[0].text() == findings.heading(found)
    body = root.all("body")[0].text()
    said = [
        line for part in (findings.above(found), findings.below(found)) for lines in part.values() for line in lines
    ]
    for words in (findings.summary(found), findings.budget(found), *said):
        assert flat(words) in body
    proofs = [each.all("pre")[0].text() for each in root.all("details") if each.all("pre")]
    assert {HOSTILE: HOSTILE} in [json.loads(each) for each in proofs]
    assert {each.tag for each in root.walk()} <= {each.tag for each in tree(odd()).walk()}


def test_the_elements_that_are_named_exist_once() -> None:
    elements = list(tree(report()).walk())
    names = [each.attributes["id"] for each in elements if "id" in each.attributes]
    assert len(names) == len(set(names)) == 2 * (5 + 2) + 2
    assert {each.attributes.get("aria-labelledby") for each in elements} == {None, *names}


@pytest.fixture(scope="module")
def style() -> str:
    return tree(report()).all("style")[0].text()


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it, of `#rrggbb`."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("theme", "colour", "ground"),
    list(product((0, 1), ("text", "dim", "found", "none", "invalid", "over"), ("page", "panel"))),
)
def test_text_has_a_contrast_of_at_least_four_and_a_half_in_both_themes(
    style: str, theme: int, colour: str, ground: str
) -> None:
    blocks = re.findall(r":root \{(.*?)\}", style)
    assert len(blocks) == 2
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", blocks[theme]))
    low, high = sorted(luminance(colours[name]) for name in (colour, ground))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_the_markdown_tables_have_every_cell() -> None:
    found = report(
        {(ORDER, BLIND, CRASH, DUPLICATED): Verdict(0, 9), (ORDER, ORCHESTRATION, CRASH, STUCK): SILENT},
        workloads=(ORDER,), strategies=(BLIND, CACHE, ORCHESTRATION), faults=(CRASH, HOT_KEY),
    )  # fmt: skip
    lines = [line for line in markdown.document(bare(found)).splitlines() if line.startswith("|")]
    assert lines == [
        "| strategy | duplicated | lost | stuck | conflicts | to operate |",
        "| --- | --- | --- | --- | --- | --- |",
        "| key-value, blind | 0 of 421 (at most 0.7 %), *not as expected* | **9 of 422** | 0 of 824 (at most 0.4 %) "
        "| 0 of 40 | 1 |",
        "| cache, compare and set | **9 of 422** | 0 of 824 (at most 0.4 %) | 0 of 824 (at most 0.4 %) "
        "| 30 of 40 | 4 |",
        "| orchestration on Stepwell | **9 of 422** | 0 of 824 (at most 0.4 %) | **INVALID (fault never fired)** "
        "| 30 of 40 | 6 |",
        "| strategy | worker killed at each point | 16 clients on one key |",
        "| --- | --- | --- |",
        "| key-value, blind | 0 of 9 (at most 28 %), *not as expected* | **lost 9 of 10** |",
        "| cache, compare and set | **duplicated 9 of 10** | 0 of 412 (at most 0.7 %) |",
        "| orchestration on Stepwell | **duplicated 9 of 10** | 0 of 412 (at most 0.7 %) |",
    ]


def test_hostile_words_are_no_markdown() -> None:
    text = markdown.document(hostile())
    bare_text = re.sub(r"\\.", "", text.replace("**", ""))
    assert not re.search(r"[<>\[\]]|https?://", bare_text)
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")}
    found = hostile()
    assert widths == {len(table.headings) + 1 for table in (overview(found), *matrices(found))}


@pytest.mark.parametrize("found", [report(), hostile(), odd()])
def test_a_report_is_read_back_as_it_was_written(found: Report) -> None:
    assert parse(json.dumps(as_members(found)).encode()) == found


def test_a_report_says_what_its_names_are_called() -> None:
    found = report()
    titles = as_members(found)["titles"]
    assert set(titles["strategies"]) == set(found.strategies)
    assert titles["workloads"] == {name: WORKLOADS[name].title for name in found.workloads}
    assert set(titles["faults"]) == {each.fault for each in found.outcomes}


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

MEASURE = """
const frames = [...document.querySelectorAll('iframe')];
addEventListener('load', () => {
  const seen = frames.map(frame => {
    const page = frame.contentDocument, mark = page.querySelector('.mark'), basis = mark.querySelector('.basis');
    const shown = element => frame.contentWindow.getComputedStyle(element).display;
    const before = shown(basis);
    mark.focus();
    const focused = shown(basis);
    let widest = page.documentElement.scrollWidth;
    for (const load of page.querySelectorAll('.load')) {
      load.focus();
      if (shown(load.querySelector('.basis')) === 'block')
        widest = Math.max(widest, page.documentElement.scrollWidth);
    }
    return {
      width: page.documentElement.clientWidth, needed: widest,
      row: shown(page.querySelector('tbody tr')), label: shown(page.querySelector('.label')),
      basis: [before, focused], asked: shown(page.activeElement.querySelector('.basis')),
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
    silent = Verdict(0, 0, invalid="aws is not certified: atomic counters: 3 of 900 wrong")
    found = report({(ORDER, CONDITIONAL, CRASH, STUCK): silent, (ORDER, BLIND, CRASH, DUPLICATED): Verdict(0, 9)})
    found = replace(found, run="x" * 90)
    pages = browse(html.page(found), (375, 768, 920, 1280), tmp_path)
    phone, desktop = pages[0], pages[-1]
    for seen in pages:
        assert seen["needed"] == seen["width"]
        assert seen["basis"] == ["none", "block"]
        assert seen["asked"] == "block"
        assert seen["circle"] == pytest.approx(9, abs=2.5)
    assert (phone["row"], phone["label"]) == ("block", "block")
    assert (desktop["row"], desktop["label"]) == ("table-row", "none")
