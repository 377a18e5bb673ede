"""The oracle of one's own workflow: what differs from an undisturbed request is found, and nothing else."""

from collections.abc import Sequence

import pytest

from stepwell.bench.history import Effect, Op, Status
from stepwell.bench.own import oracle
from stepwell.bench.own.identity import address, pattern, personal, request_in, token
from stepwell.bench.own.oracle import Reference
from stepwell.bench.own.snapshot import Snapshot
from stepwell.bench.own.state import Operation, State

ONE, TWO, THREE = (token(1, number) for number in range(3))
CHARGE = "POST pay.example/charges"


def op(request: str, kind: str, key: str = "", *, call: str = "dynamodb.PutItem", status: Status = "ok") -> Op:
    return Op(
        id=f"{request}/{kind}/{key}", run="bench01", request=request, attempt=1, worker="w", key=key, kind=kind,
        call=call, intended_at=1.0, invoked_at=1.0, returned_at=2.0, status=status,
    )  # fmt: skip


def done(request: str) -> list[Op]:
    """A request that was acknowledged, wrote its order and added to the stock."""
    keys = (f"Orders/{request}", "Stock/lamp")
    return [op(request, "acknowledge"), *(op(request, "write", key) for key in keys)]


def effect(request: str, type: str = CHARGE, sequence: int = 1) -> Effect:
    return Effect(
        sequence=sequence, run="bench01", request=request, type=type, key=None, attempt=1, worker="w", at=1.0
    )  # fmt: skip


def stores(requests: Sequence[str], sold: int, **order: object) -> Snapshot:
    orders = {f"Orders/{request}": {"id": request, "cents": 5, "at": 1, **order} for request in requests}
    return {**orders, "Stock/lamp": {"id": "lamp", "sold": sold, "seen": f"by {len(requests)}"}}


STATE = State(vary=["x"], ignore=["Orders.at"], operations=[])


@pytest.fixture
def reference() -> Reference:
    requests = (ONE, TWO, THREE)
    states = [stores(requests[:count], count) for count in range(4)]
    ops = [row for request in requests for row in done(request)]
    return oracle.learn(ops, [effect(request) for request in requests], states, STATE)


def test_undisturbed_requests_tell_what_one_does(reference: Reference) -> None:
    assert reference.effects == {CHARGE: 1}
    assert reference.own == {"Orders/{request}": [{"id": "{request}", "cents": 5}]}
    assert reference.shared == {"Stock/lamp": {"sold": 1.0}}
    assert reference.uncompared == ("Stock/lamp: seen",), "it changes by no constant amount"


def test_a_request_like_an_undisturbed_one_is_clean(reference: Reference) -> None:
    ops, after = done(ONE), stores([ONE], 1, at=99)
    assert oracle.repeated_effects([effect(ONE)], reference) == {}
    assert oracle.missing_effects(ops, [effect(ONE)], reference) == {}
    assert oracle.own_records(ops, after, reference) == ({}, {})
    assert oracle.shared_records(ops, stores([], 0), after, reference, 1) == (oracle.Changes(), oracle.Changes())


def test_a_second_effect_is_found_with_both_rows(reference: Reference) -> None:
    found = oracle.repeated_effects([effect(ONE), effect(ONE, sequence=2), effect(TWO)], reference)
    assert set(found) == {ONE}
    assert "2 times instead of 1" in found[ONE].text
    assert [row["sequence"] for row in found[ONE].rows] == [1, 2]


def test_an_acknowledged_request_without_its_effect_is_found(reference: Reference) -> None:
    assert set(oracle.missing_effects(done(ONE), [], reference)) == {ONE}


def test_one_that_nobody_acknowledged_lacks_nothing(reference: Reference) -> None:
    ops = [op(ONE, "acknowledge", status="info")]
    assert oracle.missing_effects(ops, [], reference) == {}
    assert oracle.own_records(ops, {}, reference) == ({}, {})


@pytest.mark.parametrize(
    ("after", "measure", "said"),
    [
        (stores([], 1), "lost", "left 0 records"),
        (stores([ONE], 1, cents=10), "duplicated", "cents = 10"),
        (stores([ONE], 1, cents=2), "lost", "cents = 2"),
        (stores([ONE], 1, extra="x"), "lost", "extra = 'x'"),
    ],
)
def test_a_record_that_is_not_as_it_should_be_is_found(
    after: Snapshot, measure: str, said: str, reference: Reference
) -> None:
    twice, missing = oracle.own_records(done(ONE), after, reference)
    found = {"duplicated": twice, "lost": missing}
    assert [name for name, each in found.items() if each] == [measure]
    assert said in found[measure][ONE].text


@pytest.mark.parametrize(
    ("acknowledged", "asked", "sold", "more", "less"),
    [(2, 2, 2, 0, 0), (2, 2, 3, 1, 0), (2, 2, 1, 0, 1), (1, 2, 1, 0, 0), (1, 2, 2, 0, 0), (1, 2, 0, 0, 1)],
)
def test_shared_records_count_only_what_is_certain(
    acknowledged: int, asked: int, sold: int, more: int, less: int, reference: Reference
) -> None:
    requests = (ONE, TWO)[:acknowledged]
    ops = [row for request in requests for row in done(request)]
    found = oracle.shared_records(ops, stores([], 10), stores(requests, 10 + sold), reference, asked)
    assert [each.count for each in found] == [more, less]
    assert all(len(each.witnesses) == bool(each.count) for each in found)


def test_a_write_that_was_refused_makes_nobody_an_owner() -> None:
    assert oracle.owners([op(ONE, "write", "a b"), op(TWO, "write", "b", status="fail")]) == {"a": {ONE}, "b": {ONE}}


def marked(**marks: object) -> State:
    operation = {
        "function": "f", "call": "sqs.SendMessage", "key": "mails", "access": "write", "conditional": False,
        "count": 1, "latency_ms": 1, "cost": 1, **marks,
    }  # fmt: skip
    return State(vary=["x"], operations=[Operation(**operation)])  # type: ignore[arg-type]


def test_calls_are_effects_where_a_person_marked_them() -> None:
    ops = [op(ONE, "write", "mails", call="sqs.SendMessage")]
    assert [each.type for each in oracle.effects_of(ops, [], marked(effect=True))] == ["sqs.SendMessage mails"]
    assert oracle.effects_of(ops, [], marked(effect=False)) == []
    unmarked = marked(call="outside.POST", key="pay.example/charges", access="emit", effect=False)
    assert oracle.effects_of([], [effect(ONE)], unmarked) == []


def test_a_table_marked_any_is_not_judged() -> None:
    state = marked(call="dynamodb.PutItem", key="Orders/{request}", consistency="any")
    states = [stores(requests, len(requests)) for requests in ([], [ONE], [ONE, TWO])]
    found = oracle.learn([*done(ONE), *done(TWO)], [], states, state)
    assert found.own == {}
    assert found.shared == {"Stock/lamp": {"sold": 1.0}}


def test_without_an_acknowledged_request_nothing_is_learnt() -> None:
    with pytest.raises(ValueError, match="not acknowledged"):
        oracle.learn([op(ONE, "acknowledge", status="info")], [], [{}, {}, {}], STATE)


def test_a_request_is_known_wherever_its_own_value_turns_up() -> None:
    text = personal('{"id": "order-17", "body": "{\\"for\\": \\"order-17\\"}"}', ["order-17"], ONE)
    assert text.count(f"order-17-{ONE}") == 2
    assert request_in(text) == ONE
    assert pattern(f"Orders/order-17-{ONE}") == "Orders/order-17-{request}"
    assert address(f"pay.example/orders/order-17-{ONE}/charges") == "pay.example/orders/{request}/charges"
    assert pattern("Log/0b1e7f9e-2f43-4a0e-9d8a-0a2b3c4d5e6f") == "Log/{id}"
