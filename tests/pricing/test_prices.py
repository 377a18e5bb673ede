"""The price file that comes with Stepwell, and what is said of one that cannot be used."""

import time
from importlib.resources import files
from pathlib import Path

import pytest

from stepwell.pricing.prices import load_prices
from stepwell.pricing.settings import MAX_BYTES, UnusableSettings

OWN = (files("stepwell.pricing") / "prices.yaml").read_text("utf-8")
VERIFIED = {
    "lambda.request", "lambda.gb_second", "lambda.durable_operation", "states.transition", "states.express_request",
    "sqs.request",
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "prices.yaml"


def test_only_what_was_read_in_a_dated_source_is_verified() -> None:
    prices = load_prices()
    assert {name for name, price in prices.items.items() if price.verified} == VERIFIED
    assert all(price.dated for price in prices.items.values() if price.verified)
    assert all(price.source for price in prices.items.values())
    assert (prices.region, prices.date) == ("us-east-1", "2026-11-21")


@pytest.mark.parametrize(
    ("item", "count", "dollars"),
    [
        ("states.transition", 9_000, 0.225),
        ("lambda.request", 1_000_000, 0.20),
        ("lambda.gb_second", 1_000_000, 16.6667),
        ("lambda.durable_operation", 1_000_000, 8.0),
        ("sqs.request", 1_000_000, 0.40),
        ("dynamodb.write", 1_000_000, 0.625),
        ("dynamodb.read", 1_000_000, 0.125),
        ("s3.put", 1_000_000, 5.0),
    ],
)
def test_a_unit_costs_what_the_service_asks(item: str, count: int, dollars: float) -> None:
    assert count * load_prices().items[item].each == pytest.approx(dollars)


def test_a_file_of_ones_own_counts_instead(path: Path) -> None:
    path.write_text(OWN.replace("us-east-1", "eu-west-3").replace("dollars: 0.025", "dollars: 0.0297"), "utf-8")
    prices = load_prices(path)
    assert prices.region == "eu-west-3"
    assert prices.items["states.transition"].each == pytest.approx(0.0000297)


def test_dates_are_text_with_and_without_quotes(path: Path) -> None:
    path.write_text(OWN.replace("date: 2026-11-21", "date: '2026-11-21'"), "utf-8")
    assert load_prices(path) == load_prices()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    dollars: 0.025\n", "    dollars: -1\n", "prices.states.transition: Expected `float` >= 0.0"),
        ("    dollars: 0.025\n", "    dollars: .nan\n", "prices.states.transition: Expected `float`"),
        ("    dollars: 0.025\n", "    dollars: inf\n", "prices.states.transition: Expected `float` <="),
        ("    dollars: 0.025\n", "    dollars: cheap\n", "prices.states.transition: Expected `float`, got `str`"),
        ("    dollars: 0.025\n", "", "prices.states.transition: Object missing required field `dollars`"),
        ("    dollars: 0.025\n", "    dollar: 0.025\n", "prices.states.transition: Object "),
        ("    dollars: 0.025\n", "    dollars: 1\n    dollars: 2\n", "dollars stands more than once"),
        ("    per: 1000\n", "    per: 0\n", "prices.states.transition: Expected `float` > 0.0"),
        ("    dated: 2026-03-14\n", "", "verified only with the date of its source"),
        ("    dated: 2026-03-14\n", "    dated: last spring\n", "prices.states.transition: Expected `str` matching"),
        ("    grade: verified\n", "    grade: sure\n", "Invalid enum value 'sure'"),
        ("    source: recalled\n", '    source: "\\e[2J"\n', "Expected `str` matching"),
        ("  states.transition:\n", "  sfn.transition:\n", "sfn.transition: unknown; the names are dynamodb.read, "),
        ("    least: 2\n", "    least: 0\n", "nodes.redis: Expected `int` >= 1"),
        ("region: us-east-1\n", "", "Object missing required field `region`"),
        ("region: us-east-1\n", "region: [us-east-1\n", "is not YAML that can be used"),
        ("region: us-east-1\n", "region: " + 3000 * "[" + "\n", "nested too deeply"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(path: Path, old: str, new: str, said: str) -> None:
    text = OWN.replace('source: "recalled"', "source: recalled")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(UnusableSettings) as caught:
        load_prices(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_tag_makes_nothing_but_text(path: Path) -> None:
    path.write_text(OWN.replace("region: us-east-1", "region: !!python/name:os.system here"), "utf-8")
    assert load_prices(path).region == "here"


def test_an_item_that_is_missing_is_named(path: Path) -> None:
    start, end = OWN.index("  s3.storage:"), OWN.index("  transfer.zones:")
    path.write_text(OWN[:start] + OWN[end:], "utf-8")
    with pytest.raises(UnusableSettings, match=r"prices: s3\.storage: missing"):
        load_prices(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expected `object`"),
        (b"[]", "Expected `object`"),
        (b"\xff\xfe\x00", "is not YAML that can be used"),
        (b"a: \x07", "is not YAML that can be used"),
        (b"#" * (MAX_BYTES + 1), "has more than 65,536 bytes"),
    ],
)
def test_what_is_no_settings_file_is_refused(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    with pytest.raises(UnusableSettings, match=said):
        load_prices(path)


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(UnusableSettings, match="cannot be read: No such file"):
        load_prices(path)


@pytest.mark.parametrize("bomb", ["[*a{0}, *a{0}]", "{{<<: [*a{0}, *a{0}]}}"])
def test_aliases_that_stand_for_millions_cost_nothing(path: Path, bomb: str) -> None:
    levels = (f"a{n}: &a{n} {bomb.format(n - 1)}" for n in range(1, 40))
    path.write_text("\n".join(["a0: &a0 {x: y}", *levels]), "utf-8")
    begun = time.perf_counter()
    with pytest.raises(UnusableSettings, match="unknown field `a0`"):
        load_prices(path)
    assert time.perf_counter() - begun < 2
