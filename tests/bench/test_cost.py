"""Billed units from histories, and what becomes of them at a load. Durations on this machine never become money."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from stepwell.bench.history import Op, Status
from stepwell.bench.measures.cost import Bill, Line, Nodes, bill, crossings, meter
from stepwell.bench.measures.latency_budget import Profile
from stepwell.pricing.prices import load_prices

PRICES = load_prices()
PROFILE = Profile(
    {"dynamodb": 5.0, "redis": 1.0, "postgres": 3.0, "s3": 30.0, "sqs": 10.0, "lambda": 15.0, "states": 25.0,
     "outside": 50.0, "compute": 2.0},
    frozenset(),
)  # fmt: skip
ASSUMED = replace(PROFILE, assumed=frozenset({"dynamodb"}))
_KB = 1024


def op(
    call: str, size: int = 0, mode: str = "", count: int = 1, *, key: str = "k", worker: str = "client",
    status: Status = "ok", argument: Any = None, at: float = 0.0, took: float = 1.0,
) -> Op:  # fmt: skip
    return Op(
        id=f"{call}/{at}", run="run", request="r", attempt=1, worker=worker, key=key, kind="write", argument=argument,
        intended_at=at, invoked_at=at, returned_at=at + took, status=status, call=call, bytes=size, mode=mode,
        count=count,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "item", "units"),
    [
        (op("dynamodb.PutItem", 0), "dynamodb.write", 1),
        (op("dynamodb.PutItem", _KB), "dynamodb.write", 1),
        (op("dynamodb.UpdateItem", _KB + 1), "dynamodb.write", 2),
        (op("dynamodb.DeleteItem", 100, count=7), "dynamodb.write", 7),
        (op("dynamodb.TransactWriteItems", 100, "transactional", argument=[{}, None]), "dynamodb.write", 4),
        (op("dynamodb.TransactWriteItems", 5 * _KB, "transactional", argument=[{}, {}]), "dynamodb.write", 12),
        (op("dynamodb.GetItem", 4 * _KB, "strong"), "dynamodb.read", 1),
        (op("dynamodb.GetItem", 4 * _KB, "eventual"), "dynamodb.read", 0.5),
        (op("dynamodb.GetItem", 4 * _KB + 1), "dynamodb.read", 1),
        (op("dynamodb.TransactGetItems", 100, "transactional"), "dynamodb.read", 2),
        (op("dynamodb.Query", 10 * _KB, "strong"), "dynamodb.read", 3),
        (op("sqs.SendMessage", 64 * _KB), "sqs.request", 1),
        (op("sqs.SendMessage", 64 * _KB + 1), "sqs.request", 2),
        (op("sqs.ReceiveMessage"), "sqs.request", 1),
        (op("sqs.SendMessage", 10, "fifo"), "sqs.fifo_request", 1),
        (op("sqs.SendMessage", 10, key="orders.fifo"), "sqs.fifo_request", 1),
        (op("s3.PutObject", 10_000_000), "s3.put", 1),
        (op("s3.GetObject"), "s3.get", 1),
        (op("lambda.Invoke", count=3), "lambda.request", 3),
        (op("lambda.DurableOperation"), "lambda.durable_operation", 1),
        (op("states.Transition", count=9), "states.transition", 9),
        (op("states.StartExecution", mode="express"), "states.express_request", 1),
        (op("redis.SET", 1 << 30), "transfer.zones", 1),
        (op("postgres.Commit", 1 << 29), "transfer.zones", 0.5),
    ],
)
def test_units_are_counted_as_the_service_bills_them(operation: Op, item: str, units: float) -> None:
    usage = meter([operation], PROFILE)
    assert usage.units[item] == units
    assert not usage.unpriced


@pytest.mark.parametrize("call", ["", "outside.effect", "states.StartExecution", "s3.DeleteObject"])
def test_what_is_free_costs_nothing(call: str) -> None:
    usage = meter([op(call, 5000)], PROFILE)
    assert (usage.units, usage.unpriced) == ({}, {})


@pytest.mark.parametrize("call", ["dynamodb.ExecuteStatement", "kinesis.PutRecord", "s3.SelectObjectContent"])
def test_a_call_that_no_rule_knows_is_named_and_not_taken_for_free(call: str) -> None:
    assert meter([op(call, count=2)], PROFILE).unpriced == {call: 2}


@pytest.mark.parametrize("status", ["fail", "info"])
def test_what_was_refused_or_is_unknown_was_billed_all_the_same(status: Status) -> None:
    assert meter([op("dynamodb.PutItem", 10, status=status)], PROFILE).units["dynamodb.write"] == 1


def test_a_function_s_time_is_counted_and_not_measured() -> None:
    def history(took: float) -> list[Op]:
        inside = ["dynamodb.GetItem", "dynamodb.PutItem", "redis.GET", "outside.effect"]
        calls = [op(call, worker="fn/7", took=took) for call in inside]
        return [op("lambda.Invoke", count=2, took=took), op("sqs.ReceiveMessage", worker="poller", took=took), *calls]

    # Two handlers' compute, two items, one command and one effect; not the message, which a poller waited for.
    seconds = (2 * 2 + 2 * 5 + 1 + 50) / 1000
    for took in (0.001, 60.0):
        assert meter(history(took), PROFILE).units["lambda.gb_second"] == pytest.approx(0.5 * seconds)


def test_an_express_workflow_pays_for_its_counted_time_and_for_no_transition() -> None:
    calls = [
        op("states.StartExecution", mode="express", took=0.1), op("states.Transition", mode="express", count=3, at=0.2),
        op("lambda.Invoke", at=0.3), op("dynamodb.PutItem", worker="fn/7", at=0.4, took=0.1),
    ]  # fmt: skip
    usage = meter(calls, PROFILE)
    # 4 x 25 + 15 + 2 + 5 ms is billed as 200 ms of 64 MB.
    assert usage.units["states.express_gb_second"] == pytest.approx(0.2 * 64 / 1024)
    assert "states.transition" not in usage.units


def test_what_stays_is_stored_once_for_each_record() -> None:
    calls = [
        op("dynamodb.PutItem", 600, key="a"), op("dynamodb.UpdateItem", 50, key="a"),
        op("dynamodb.PutItem", 400, key="b"), op("dynamodb.PutItem", 9000, key="c", status="fail"),
        op("dynamodb.PutItem", 7000, key="d"), op("dynamodb.DeleteItem", key="d"),
        op("s3.PutObject", 5000, key="a"),
    ]  # fmt: skip
    units = meter(calls, PROFILE).units
    assert units["dynamodb.storage"] == pytest.approx(1000 / 2**30)
    assert units["s3.storage"] == pytest.approx(5000 / 2**30)


@pytest.mark.parametrize(
    ("calls", "dollars"),
    [
        ([op("states.Transition", count=50)], 1260.00),
        ([op("dynamodb.PutItem", count=50)], 41.25),
        (
            [op("sqs.SendMessage", count=50), op("sqs.ReceiveMessage", count=50), op("sqs.DeleteMessage", count=50),
             op("dynamodb.PutItem", count=50)],
            101.25,
        ),
        ([op("dynamodb.TransactWriteItems", 0, "transactional", 50, argument=[{}, {}])], 135.00),
    ],
)  # fmt: skip
def test_a_workflow_of_50_steps_costs_what_the_requests_add_up_to(calls: list[Op], dollars: float) -> None:
    usage = meter([*calls, op("lambda.Invoke", count=50)], PROFILE)
    requests = replace(usage, units={item: units for item, units in usage.units.items() if item != "lambda.gb_second"})
    assert bill(requests, 1, PRICES).at(1).dollars == pytest.approx(dollars)


def test_only_correct_completions_share_the_cost() -> None:
    usage = meter([op("dynamodb.PutItem", count=100)], PROFILE)
    half, all_ = (bill(usage, correct, PRICES).at(10).dollars for correct in (50, 100))
    assert half == pytest.approx(2 * all_)
    with pytest.raises(ValueError, match="without one"):
        bill(usage, 0, PRICES)


def test_a_figure_knows_which_unverified_price_and_which_assumption_went_into_it() -> None:
    checked = bill(meter([op("states.Transition"), op("lambda.Invoke")], PROFILE), 1, PRICES).at(10)
    assert (checked.unverified, checked.assumed) == ((), ())
    assert checked.text() == "$25.22"
    calls = [op("states.Transition"), op("lambda.Invoke"), op("dynamodb.PutItem", 100), op("redis.GET", 100)]
    doubtful = bill(meter(calls, ASSUMED), 1, PRICES).at(10)
    assert set(doubtful.unverified) == {"dynamodb.write", "dynamodb.storage", "transfer.zones", "node.redis"}
    assert set(doubtful.assumed) == {"lambda.gb_second", "node.redis"}
    assert doubtful.text().endswith(" (unverified)")


def test_nodes_cost_half_as_much_for_each_at_twice_the_load_until_more_are_needed() -> None:
    made = bill(meter([op("redis.EVALSHA", count=4)], PROFILE), 1, PRICES)
    [nodes] = made.nodes
    assert made.at(100).dollars == pytest.approx(2 * made.at(200).dollars)
    assert made.at(100).dollars == pytest.approx(2 * 0.032 * 1e6 / (100 * 3600))
    assert [nodes.count(load) for load in (1, 10_000, 10_001, 15_001)] == [2, 2, 3, 4]
    assert list(nodes.steps(1, 20_000)) == [10_000, 15_000]


def test_a_node_is_dearer_below_the_crossing_and_cheaper_above() -> None:
    usages = {"cache": [op("redis.SET")], "items": [op("dynamodb.PutItem")]}
    bills = {name: bill(meter(calls, PROFILE), 1, PRICES) for name, calls in usages.items()}
    [crossing] = crossings(bills, 0.1, 1000)
    assert (crossing.cheaper, crossing.dearer) == ("cache", "items")
    assert crossing.load_per_second == pytest.approx(2 * 0.032 / 3600 / 0.625e-6)


def _bill(variable: float, nodes: list[tuple[float, float, float]]) -> Bill:
    price = PRICES.items["node.redis"]
    made = [
        Nodes("node.redis", structs.replace(price, dollars=dollars), operations, capacity, 1)
        for dollars, operations, capacity in nodes
    ]
    return Bill((Line("x", 1, variable, True, False),), tuple(made))


_NODES = st.lists(
    st.tuples(st.floats(0.01, 5), st.floats(0.5, 8), st.floats(100, 5000)), max_size=2
)  # dollars an hour, operations, capacity
_BILLS = st.builds(_bill, st.floats(0, 50), _NODES)


@given(_BILLS, _BILLS)
def test_between_two_crossings_the_same_strategy_is_the_cheaper_one(one: Bill, other: Bill) -> None:
    bills = {"one": one, "other": other}
    low, high = 1.0, 3000.0
    found = crossings(bills, low, high)
    for load in (low * (high / low) ** (n / 97) for n in range(98)):
        costs = {name: each.at(load).dollars for name, each in bills.items()}
        below = [crossing for crossing in found if crossing.load_per_second < load * (1 - 1e-9)]
        above = [crossing for crossing in found if crossing.load_per_second > load * (1 + 1e-9)]
        if len(below) + len(above) < len(found) or costs["one"] == pytest.approx(costs["other"], rel=1e-9):
            continue
        cheaper = min(costs, key=costs.__getitem__)
        assert not below or below[-1].cheaper == cheaper
        assert not above or above[0].dearer == cheaper


def test_a_strategy_never_crosses_itself() -> None:
    made = _bill(3.0, [(1.0, 4.0, 200.0)])
    assert crossings({"one": made, "other": made}, 1, 5000) == []
