"""The price file: what one unit costs, where that was read and when, and whether it was checked.

A file of one's own has the same form and all the same items, so that no figure mixes two Regions or two dates.
"""

from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from stepwell.pricing.settings import check_names, checked, read_settings

Part = TypeVar("Part")

# They go to terminals and pages, which control characters would steer.
_Words = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", max_length=300)]
_Date = Annotated[str, msgspec.Meta(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]
_Dollars = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
_Positive = Annotated[float, msgspec.Meta(gt=0, le=1e12)]


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`dollars` for `per` units, and how far that is to be believed."""

    dollars: _Dollars
    unit: _Words
    grade: Literal["verified", "unverified"]
    source: _Words
    dated: _Date | None = None
    per: _Positive = 1.0

    def __post_init__(self) -> None:
        if self.verified and self.dated is None:
            raise ValueError("a price is verified only with the date of its source: add `dated`")

    @property
    def each(self) -> float:
        """Dollars for one unit."""
        return self.dollars / self.per

    @property
    def verified(self) -> bool:
        return self.grade == "verified"


class NodeType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many nodes a load needs. Both numbers are assumptions, and `why` says on what they rest."""

    operations_per_second: _Positive
    least: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    why: _Words


class Prices(msgspec.Struct, frozen=True):
    """All prices of one Region on one day; `nodes` by what runs on them."""

    region: str
    date: str
    items: dict[str, Price]
    nodes: dict[str, NodeType]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    region: _Words
    date: _Date
    prices: dict[_Words, Any]
    nodes: dict[_Words, Any]


def load_prices(path: Path | None = None) -> Prices:
    """The prices of a file, or Stepwell's own. Raises `UnusableSettings`."""
    with as_file(files("stepwell.pricing") / "prices.yaml") as own:
        ours = _read(own)
    if path is None:
        return ours
    theirs = _read(path)
    check_names(theirs.items, ours.items, f"{path}: prices", complete=True)
    check_names(theirs.nodes, ours.nodes, f"{path}: nodes", complete=True)
    return theirs


def _read(path: Path) -> Prices:
    file = read_settings(path, _File)
    items = _each(file.prices, Price, f"{path}: prices")
    return Prices(file.region, file.date, items, _each(file.nodes, NodeType, f"{path}: nodes"))


def _each(members: Mapping[str, Any], type: type[Part], where: str) -> dict[str, Part]:
    return {name: checked(value, type, f"{where}.{name}") for name, value in members.items()}
