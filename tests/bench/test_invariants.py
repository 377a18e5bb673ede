"""Money, stock, states and locks: each broken once, and the nearest history in which nothing is certain."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.histories import History

from stepwell.bench.history import Status
from stepwell.bench.oracles.invariants import (
    TRANSFER,
    conservation,
    illegal_transitions,
    overdrawn,
    overlapping_sections,
)


class Ledger(History):
    def move(
        self, source: str | None, target: str | None, amount: Any, status: Status = "ok", *, at: float | None = None,
    ) -> "Ledger":  # fmt: skip
        argument = {"from": source, "to": target, "amount": amount}
        self.op(TRANSFER, f"t{len(self.ops)}", status, argument=argument, at=at)
        return self


START = {"a": 100, "b": 100, "c": 100}


@pytest.mark.parametrize(
    ("history", "final", "gamma", "wrong"),
    [
        (Ledger().move("a", "b", 10).move("b", "c", 5), {"a": 90, "b": 105, "c": 105}, 0, []),
        (Ledger().move("a", "b", 10).move("b", "c", 5), {"a": 90, "b": 110, "c": 105}, 2.5, ["b"]),
        (Ledger().move("a", "c", 10).move("b", "c", 10), {"a": 90, "b": 100, "c": 110}, 0, ["b", "c"]),
        (Ledger().move("a", "b", 10, "info"), {"a": 90, "b": 110, "c": 100}, 0, []),
        (Ledger().move("a", "b", 10, "info"), {"a": 100, "b": 100, "c": 100}, 0, []),
        (Ledger().move("a", "b", 10, "info"), {"a": 90, "b": 100, "c": 100}, 10, [None]),
        (Ledger().move("a", "b", 10, "fail"), {"a": 90, "b": 110, "c": 100}, 0, ["a", "b"]),
        (Ledger().move("a", "b", 10), {"a": 90, "b": 110}, 100, ["c"]),
        (Ledger().move("a", None, 10), {"a": 90, "b": 100, "c": 100}, 10, []),
        (Ledger(), START, 0, []),
    ],
    ids=[
        "right", "money from nowhere", "errors that cancel out", "unsure and applied", "unsure and not applied",
        "unsure and applied in half", "refused and applied", "an account is gone", "not a closed economy", "nothing",
    ],
)  # fmt: skip
def test_balances_are_what_the_transfers_make(
    history: Ledger, final: dict[str, int], gamma: float, wrong: list[str | None]
) -> None:
    economy = conservation(history.ops, START, final)
    assert economy.gamma == gamma
    assert (economy.verdict.count, economy.verdict.exposed) == (len(wrong), 3)
    for witness, account in zip(economy.verdict.witnesses, wrong, strict=True):
        assert witness.text.startswith(f"{account} holds" if account else "all accounts held 300 and hold 290")


def test_a_wrong_balance_is_shown_with_its_transfers() -> None:
    history = Ledger().move("a", "b", 10).move("b", "c", 5, "info").move("a", "c", 1)
    [witness] = conservation(history.ops, START, {"a": 89, "b": 111, "c": 100}).verdict.witnesses[:1]
    assert witness.text == "b holds 111, and its 2 transfers make that 105 to 110"
    assert [row["id"] for row in witness.rows] == ["0", "1"]


@pytest.mark.parametrize("amount", [None, -1, "10", 1.5])
def test_an_amount_that_is_none_is_refused(amount: Any) -> None:
    with pytest.raises(ValueError, match="the amount must be a whole number of at least 0"):
        overdrawn(Ledger().move("a", "b", amount).ops, START)


TRANSFERS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.integers(0, 90), st.sampled_from(["ok", "info"])),
    max_size=30,
)


@given(TRANSFERS)
def test_a_ledger_that_does_one_transfer_at_a_time_is_right(transfers: list[tuple[str, str, int, Status]]) -> None:
    history, balances = Ledger(), dict(START)
    for source, target, amount, status in transfers:
        granted = amount <= balances[source]
        if granted:
            balances[source] -= amount
            balances[target] += amount
        history.move(source, target, amount, status if granted or status == "info" else "fail")
    economy = conservation(history.ops, START, balances)
    assert (economy.gamma, economy.verdict.count) == (0, 0)
    assert overdrawn(history.ops, START).count == 0


@given(TRANSFERS.filter(lambda rows: any(one != two and amount for one, two, amount, _ in rows)), st.data())
def test_a_credit_that_is_dropped_is_found(transfers: list[tuple[str, str, int, Status]], data: st.DataObject) -> None:
    history, balances = Ledger(), dict.fromkeys("abc", 10_000)
    first = dict(balances)
    moving = [number for number, (one, two, amount, _) in enumerate(transfers) if one != two and amount]
    dropped = data.draw(st.sampled_from(moving))
    for number, (source, target, amount, _) in enumerate(transfers):
        balances[source] -= amount
        balances[target] += amount if number != dropped else 0
        history.move(source, target, amount)
    economy = conservation(history.ops, first, balances)
    assert economy.gamma > 0
    assert economy.verdict.count == 1


@pytest.mark.parametrize(
    ("history", "count", "exposed"),
    [
        (Ledger().move("a", "b", 60).move("a", "b", 40), 0, 2),
        (Ledger().move("a", "b", 60).move("a", "b", 41), 1, 2),
        (Ledger().move("a", "b", 60).move("a", "b", 60, "info"), 0, 1),
        (Ledger().move("a", "b", 60).move("b", "a", 20, "info").move("a", "b", 60), 0, 2),
        (Ledger().move("a", "b", 60, at=0.0).move("b", "a", 20, at=0.2).move("a", "b", 60, at=0.1), 0, 3),
        (Ledger().move("a", "b", 120, at=0.0).move("b", "a", 20, at=0.5), 0, 2),
        (Ledger().move("a", "b", 101).move("b", "a", 200), 1, 2),
        (Ledger().move("a", "b", 60).move("a", "b", 60).move("a", "b", 40), 1, 3),
        (Ledger().move("a", None, 50).move("a", None, 50).move("a", None, 1).move("a", None, 1), 2, 4),
        (Ledger().move(None, "a", 50).move("a", None, 150), 0, 1),
    ],
    ids=[
        "covered", "not covered", "perhaps applied", "perhaps covered", "covered by one under way",
        "covered at the same time", "covered too late", "the next one is covered again", "a stock sold out",
        "a stock filled up",
    ],
)  # fmt: skip
def test_what_is_granted_must_be_there(history: Ledger, count: int, exposed: int) -> None:
    verdict = overdrawn(history.ops, START)
    assert (verdict.count, verdict.exposed, len(verdict.witnesses)) == (count, exposed, count)


def test_an_overdraft_says_what_was_there() -> None:
    [witness] = overdrawn(Ledger().move("a", "b", 60).move("a", "b", 60).ops, START).witnesses
    assert witness.text == "t1 was granted 60 of a, which had 40 at most"


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(1, 4))
def test_a_stock_sold_without_a_condition_is_oversold_by_what_is_missing(schedule: list[int], stock: int) -> None:
    """Five clients in any interleaving: the first step of a client reads the stock, the next one writes one less."""
    history, left, read = Ledger(), stock, dict[int, int]()
    for client in schedule:
        if client not in read:
            read[client] = left
        elif (base := read.pop(client)) > 0:
            left = base - 1
            history.move("shoes", None, 1)
    assert overdrawn(history.ops, {"shoes": stock}).count == max(0, len(history.ops) - stock)


LEGAL = {"open": ["paid", "cancelled"], "paid": ["shipped"], "shipped": []}


class Orders(History):
    def become(self, state: str, at: float | None = None, status: Status = "ok") -> "Orders":
        self.op("write", "r", status, key="order", argument={"state": state}, at=at)
        return self


@pytest.mark.parametrize(
    ("history", "text"),
    [
        (Orders().become("paid").become("shipped"), None),
        (Orders().become("paid").become("paid"), None),
        (Orders().become("shipped"), None),
        (Orders().become("paid", 0.0).become("shipped", 0.2), None),
        (Orders().become("shipped", 0.0).become("paid", 0.2), None),
        (Orders().become("shipped").become("paid"), "order was made shipped and later paid, which is not legal"),
        (Orders().become("shipped", 0.0).become("cancelled", 0.2),
         "order was made shipped and cancelled, and neither comes to the other"),
        (Orders().become("shipped").become("cancelled", None, "info"), None),
        (Orders().become("shipped").become("cancelled", None, "fail"), None),
        (Orders().become("lost"), "order was made lost, which open never comes to"),
    ],
    ids=[
        "in order", "the same again", "a step unseen", "at once", "at once the other way", "backwards",
        "two ends at once", "an end that may not be", "an end that was refused", "a state of no machine",
    ],
)  # fmt: skip
def test_states_come_in_a_legal_order(history: Orders, text: str | None) -> None:
    verdict = illegal_transitions(history.ops, "open", LEGAL)
    assert (verdict.count, verdict.exposed) == (text is not None, 1)
    assert [witness.text for witness in verdict.witnesses] == ([text] if text else [])


def test_a_machine_with_a_way_back_allows_it() -> None:
    history = Orders().become("paid").become("open").become("paid")
    assert illegal_transitions(history.ops, "open", {"open": ["paid"], "paid": ["open"]}).count == 0


def test_a_write_without_a_state_is_refused() -> None:
    history = History()
    history.op("write", "r", key="order", argument={"value": 1})
    with pytest.raises(ValueError, match="wrote order without a state"):
        illegal_transitions(history.ops, "open", LEGAL)


class Holders(History):
    """What holders of a lock do to the key k: letters are holders, small ones read and large ones write."""

    def __init__(self, events: str, refused: str = "") -> None:
        super().__init__()
        for event in events:
            kind = "write" if event.isupper() else "read"
            self.op(kind, event.lower(), "fail" if event in refused else "ok", worker=event.lower(), key="k")


@pytest.mark.parametrize(
    ("history", "count", "exposed"),
    [
        (Holders("aAbB"), 0, 2),
        (Holders("abAB"), 1, 2),
        (Holders("abBA"), 1, 2),
        (Holders("aBA"), 1, 2),
        (Holders("aBbA"), 1, 2),
        (Holders("abBA", "A"), 0, 1),
        (Holders("aAbBa"), 0, 2),
        (Holders("AB"), 0, 2),
        (Holders("abcABC"), 2, 3),
        (Holders("aAbcBC"), 1, 3),
        (Holders("ab"), 0, 0),
    ],
    ids=[
        "one after the other", "a lost update", "a zombie", "a write in between", "a write in between, then a read",
        "a zombie that was refused", "a look back", "writes alone", "three at once", "the last two", "only readers",
    ],
)  # fmt: skip
def test_sections_of_a_lock_do_not_overlap(history: Holders, count: int, exposed: int) -> None:
    verdict = overlapping_sections(history.ops, "k")
    assert (verdict.count, verdict.exposed, len(verdict.witnesses)) == (count, exposed, count)


def test_an_operation_that_may_have_been_before_the_other_section_is_no_overlap() -> None:
    history = History()
    history.op("read", "a", worker="a", key="k", at=0.0)
    history.op("write", "a", worker="a", key="k", at=1.0, took=9.0)
    history.op("read", "b", worker="b", key="k", at=2.0)
    history.op("write", "b", worker="b", key="k", at=3.0)
    assert overlapping_sections(history.ops, "k").count == 0


def test_a_single_write_that_may_have_been_before_the_other_section_is_no_overlap() -> None:
    history = History()
    history.op("write", "a", worker="a", key="k", at=0.0, took=5.0)
    history.op("read", "b", worker="b", key="k", at=1.0)
    history.op("write", "b", worker="b", key="k", at=9.0)
    assert overlapping_sections(history.ops, "k").count == 0


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 3), st.floats(0, 3), st.floats(0, 3)), max_size=10))
def test_overlaps_are_what_a_comparison_of_all_pairs_finds(holders: list[tuple[float, ...]]) -> None:
    history, sections = History(), []
    for number, (at, reading, between, writing) in enumerate(holders):
        name, again = str(number), at + reading + between
        history.op("read", name, worker=name, key="k", at=at, took=reading)
        history.op("write", name, worker=name, key="k", at=again, took=writing)
        sections.append((at + reading, again))
    sections.sort()
    expected = sum(
        any(one[0] < other[1] and other[0] < one[1] for one in sections[:number])
        for number, other in enumerate(sections)
    )
    assert overlapping_sections(history.ops, "k").count == expected


@given(st.permutations("aAbBcC"))
def test_a_lock_that_fences_is_clean_and_one_that_does_not_is_caught(events: list[str]) -> None:
    """Whoever writes after another has written since it read is refused by the one, and let through by the other."""
    fenced, read_at, wrote_at, refused = True, dict[str, int](), -1, set[str]()
    for now, event in enumerate(events):
        if event.islower():
            read_at[event] = now
        elif event.lower() in read_at:
            if wrote_at > read_at[event.lower()]:
                refused.add(event)
                fenced = False
            else:
                wrote_at = now
        else:
            wrote_at = now
    assert overlapping_sections(Holders("".join(events), "".join(refused)).ops, "k").count == 0
    assert (overlapping_sections(Holders("".join(events)).ops, "k").count > 0) == (not fenced)
