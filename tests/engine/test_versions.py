"""Versions and aliases: numbers, routes, what refers to what."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from cataloglab import OTHER, PASS, World, arn_of, refused, scenario

from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.arns import STATE_MACHINE, Arn, parse_arn
from stepwell.engine.catalog import Catalog, StateMachine
from stepwell.engine.versions import Route, Version, Versions


def versions_of(world: World, **more: Any) -> Versions:
    return Versions(world.store, world.clock, world.catalog, **more)


def qualified(machine: StateMachine, qualifier: object) -> Arn:
    return parse_arn(f"{machine.arn}:{qualifier}", STATE_MACHINE)


def routes(machine: StateMachine, *weights: int) -> list[Route]:
    """Versions 1, 2 ... with these weights."""
    return [Route(f"{machine.arn}:{number}", weight) for number, weight in enumerate(weights, 1)]


async def numbers(versions: Versions, machine: StateMachine) -> list[int]:
    return [version.number for version in await versions.versions(arn_of(machine), below=None, limit=100)]


async def published(world: World, count: int) -> tuple[Versions, StateMachine]:
    """A machine with so many versions."""
    versions, machine = versions_of(world), await world.create()
    for index in range(count):
        if index:
            await world.update(arn_of(machine), definition=PASS + " " * index)
        await versions.publish(arn_of(machine), None, None)
    return versions, machine


@scenario
async def test_a_revision_is_published_once(world: World) -> None:
    versions, machine = versions_of(world), await world.create()
    first = await versions.publish(arn_of(machine), None, "one")
    world.clock.time += 60
    assert await versions.publish(arn_of(machine), None, "another") == first
    await world.update(arn_of(machine), definition=OTHER)
    second = await versions.publish(arn_of(machine), None, None)
    assert (first.arn, first.description, second.arn) == (f"{machine.arn}:1", "one", f"{machine.arn}:2")
    target = await versions.target(parse_arn(first.arn, STATE_MACHINE))
    assert (target.revision.definition, target.version, target.alias) == (PASS, first.arn, None)
    assert (await versions.target(arn_of(machine))).revision.definition == OTHER


@scenario
async def test_a_number_is_not_given_again(world: World) -> None:
    versions, machine = await published(world, 3)
    for number in (3, 3, 2, 99):
        await versions.delete_version(qualified(machine, number))
    assert await numbers(versions, machine) == [1]
    assert await refused(versions.target(qualified(machine, 3))) == "StateMachineDoesNotExist"
    assert (await versions.publish(arn_of(machine), None, None)).number == 4
    assert await numbers(versions, machine) == [4, 1]
    assert len(await world.store.list("version")) == 2


@pytest.mark.parametrize(
    ("updates", "revision_id", "fits"),
    [
        (0, None, True), (0, "INITIAL", True), (0, "other", False), (0, "{current}", False),
        (1, None, True), (1, "INITIAL", False), (1, "other", False), (1, "{current}", True),
    ],
)  # fmt: skip
def test_publishing_asks_for_the_current_revision(updates: int, revision_id: str | None, fits: bool) -> None:
    async def test(world: World) -> None:
        versions, machine = versions_of(world), await world.create()
        for _ in range(updates):
            await world.update(arn_of(machine), definition=OTHER)
        _, current = await world.catalog.state_machine(arn_of(machine))
        asked = revision_id and revision_id.format(current=current.id)
        publishing = versions.publish(arn_of(machine), asked, None)
        if fits:
            assert (await publishing).revision == current.id
        else:
            assert await refused(publishing) == "ConflictException"
            assert await numbers(versions, machine) == []

    scenario(test)()


@scenario
async def test_updates_at_the_same_time_publish_their_own_revisions(world: World) -> None:
    versions, machine = versions_of(world), await world.create()

    async def update(index: int) -> tuple[str, Version]:
        revision = await world.update(arn_of(machine), definition=PASS + " " * index)
        return revision.id, await versions.publish_revision(arn_of(machine), revision.id, None)

    made = await asyncio.gather(*(update(index) for index in range(1, 9)))
    assert all(version.revision == revision for revision, version in made)
    assert sorted(version.number for _, version in made) == list(range(1, 9))


@scenario
async def test_of_two_nodes_one_gets_the_number(world: World) -> None:
    machine = await world.create()
    revision = await world.update(arn_of(machine), definition=OTHER)
    nodes = [Versions(world.store, world.clock, Catalog(world.store, world.clock)) for _ in range(2)]
    publishing = [
        node.publish_revision(arn_of(machine), id, None)
        for node, id in zip(nodes, (machine.revision, revision.id), strict=True)
    ]
    first, second = await asyncio.gather(*publishing, return_exceptions=True)
    assert isinstance(first, Version)
    assert getattr(second, "code", None) == "ConflictException"
    assert await numbers(nodes[0], machine) == [1]


@scenario
async def test_versions_and_aliases_go_with_their_machine(world: World) -> None:
    versions, machine = await published(world, 2)
    await versions.create_alias("live", routes(machine, 50, 50), None)
    other = await world.create("m2")
    await versions.publish(arn_of(other), None, None)
    await world.running(machine)
    await world.catalog.delete_state_machine(arn_of(machine))
    assert await refused(versions.target(qualified(machine, 1))) == "StateMachineDoesNotExist"
    assert await refused(versions.target(qualified(machine, "live"))) == "StateMachineDoesNotExist"
    assert await refused(versions.publish(arn_of(machine), None, None)) == "StateMachineDeleting"
    assert await numbers(versions, other) == [1]
    await world.running(machine, status="SUCCEEDED", sequence=2)
    again = await world.create()
    assert (await versions.publish(arn_of(again), None, None)).number == 1


@scenario
async def test_an_alias_draws_by_weight(world: World) -> None:
    _, machine = await published(world, 2)
    drawn = iter(range(100))
    versions = versions_of(world, draw=lambda below: next(drawn) % below)
    alias = await versions.create_alias("live", routes(machine, 30, 70), None)
    targets = [await versions.target(parse_arn(alias.arn, STATE_MACHINE)) for _ in range(100)]
    assert Counter(target.version for target in targets) == {f"{machine.arn}:1": 30, f"{machine.arn}:2": 70}
    assert {target.alias for target in targets} == {alias.arn}
    assert {(target.version, len(target.revision.definition)) for target in targets} == {
        (f"{machine.arn}:1", len(PASS)), (f"{machine.arn}:2", len(PASS) + 1),
    }  # fmt: skip


@scenario
async def test_a_version_of_no_weight_is_not_drawn(world: World) -> None:
    _, machine = await published(world, 2)
    versions = versions_of(world)
    alias = await versions.create_alias("live", routes(machine, 0, 100), None)
    drawn = {(await versions.target(parse_arn(alias.arn, STATE_MACHINE))).version for _ in range(50)}
    assert drawn == {f"{machine.arn}:2"}


@scenario
async def test_a_repeated_alias_is_the_same_one(world: World) -> None:
    versions, machine = await published(world, 2)
    both = routes(machine, 40, 60)
    first = await versions.create_alias("live", both, "d")
    world.clock.time += 60
    assert await versions.create_alias("live", both[::-1], "d") == first
    for differing in (routes(machine, 60, 40), routes(machine, 100)):
        assert await refused(versions.create_alias("live", differing, "d")) == "ConflictException"
    assert await refused(versions.create_alias("live", both, None)) == "ConflictException"
    assert await versions.alias(qualified(machine, "live")) == first


@scenario
async def test_an_update_changes_what_is_given(world: World) -> None:
    versions, machine = await published(world, 2)
    made = await versions.create_alias("live", routes(machine, 100), "d")
    arn = qualified(machine, "live")
    world.clock.time += 60
    described = await versions.update_alias(arn, None, "")
    assert (described.routes, described.description) == (made.routes, "")
    assert (described.created_at, described.updated_at) == (made.created_at, made.created_at + 60)
    routed = await versions.update_alias(arn, routes(machine, 0, 100), None)
    assert (routed.routes, routed.description) == (routes(machine, 0, 100), "")
    assert await refused(versions.update_alias(qualified(machine, "none"), None, "d")) == "ResourceNotFound"


@scenario
async def test_a_version_in_use_stays(world: World) -> None:
    versions, machine = await published(world, 2)
    await versions.create_alias("b", routes(machine, 100, 0), None)
    await versions.create_alias("a", routes(machine, 100), None)
    with pytest.raises(Exception, match=r"Current list of aliases referencing this version: \[a, b\]"):
        await versions.delete_version(qualified(machine, 1))
    await versions.delete_alias(qualified(machine, "b"))
    await versions.delete_alias(qualified(machine, "b"))
    await versions.delete_version(qualified(machine, 2))
    assert await numbers(versions, machine) == [1]


@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        ([("{m}:1", 99)], "ValidationException", "must equal 100. Received: [99]"),
        ([("{m}:1", 60), ("{m}:2", 50)], "ValidationException", "must equal 100. Received: [60, 50]"),
        ([("{m}", 100)], "ValidationException", "state machine version ARNs. Received: [{m}]"),
        ([("{m}:live", 100)], "ValidationException", "state machine version ARNs. Received: [{m}:live]"),
        ([("{m}:1", 50), ("{m}:1", 50)], "ValidationException", "distinct state machine version ARNs. Received: ["),
        ([("{m}:1", 50), ("{m}2:1", 50)], "ValidationException", "of the alias's own state machine"),
        ([("arn:nothing", 100)], "InvalidArn", "Invalid ARN: arn:nothing"),
        ([("{m}:7", 100)], "ResourceNotFound", "does not exist"),
        ([("{m}3:1", 100)], "ResourceNotFound", "does not exist"),
    ],
)  # fmt: skip
def test_routes_that_are_refused(asked: list[tuple[str, int]], code: str, text: str) -> None:
    async def test(world: World) -> None:
        versions, machine = await published(world, 2)
        await versions.publish(arn_of(await world.create("m2")), None, None)
        made = [Route(arn.format(m=machine.arn), weight) for arn, weight in asked]
        with pytest.raises(ServiceError) as caught:
            await versions.create_alias("live", made, None)
        assert caught.value.code == code
        assert text.format(m=machine.arn) in caught.value.message
        assert await versions.aliases(arn_of(machine), after="", limit=9) == []

    scenario(test)()


@scenario
async def test_an_alias_stays_with_its_machine(world: World) -> None:
    versions, machine = await published(world, 1)
    foreign = await versions.publish(arn_of(await world.create("m2")), None, None)
    await versions.create_alias("live", routes(machine, 100), None)
    moving = versions.update_alias(qualified(machine, "live"), [Route(foreign.arn, 100)], None)
    assert await refused(moving) == "ValidationException"
    assert (await versions.alias(qualified(machine, "live"))).routes == routes(machine, 100)


@scenario
async def test_listings(world: World) -> None:
    versions, machine = await published(world, 11)
    arn = arn_of(machine)
    found = await versions.versions(arn, below=None, limit=3)
    assert [version.number for version in found] == [11, 10, 9]
    assert [version.number for version in await versions.versions(arn, below=9, limit=2)] == [8, 7]
    both = routes(machine, 50, 50)
    for name, routed in (("c", routes(machine, 100)), ("a", both), ("b", [Route(f"{machine.arn}:2", 100)])):
        await versions.create_alias(name, routed, None)
    assert [alias.name for alias in await versions.aliases(arn, after="", limit=2)] == ["a", "b"]
    assert [alias.name for alias in await versions.aliases(arn, after="b", limit=2)] == ["c"]
    by_version = await versions.aliases(qualified(machine, 1), after="", limit=9)
    assert [alias.name for alias in by_version] == ["a", "c"]
    assert await refused(versions.aliases(qualified(machine, 99), after="", limit=9)) == "ResourceNotFound"


def test_quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.engine.versions.VERSIONS_MAX", 2)
    monkeypatch.setattr("stepwell.engine.versions.ALIASES_MAX", 1)

    async def test(world: World) -> None:
        versions, machine = await published(world, 2)
        await versions.create_alias("live", routes(machine, 100), None)
        await versions.create_alias("live", routes(machine, 100), None)
        assert await refused(versions.create_alias("x", routes(machine, 100), None)) == "ServiceQuotaExceededException"
        assert await refused(versions.check_room(arn_of(machine))) == "ServiceQuotaExceededException"
        revision = await world.update(arn_of(machine), definition=OTHER)
        publishing = versions.publish_revision(arn_of(machine), revision.id, None)
        assert await refused(publishing) == "ServiceQuotaExceededException"
        await versions.delete_version(qualified(machine, 2))
        await versions.check_room(arn_of(machine))
        assert (await versions.publish(arn_of(machine), None, None)).number == 3

    scenario(test)()
