"""The catalog: what is kept, what is compared, what is cached."""

import asyncio
from typing import Any

import pytest
from cataloglab import ACCOUNT, OTHER, PASS, REGION, ROLE, World, arn_of, refused, scenario

from stepwell.engine.arns import ACTIVITY, STATE_MACHINE, parse_arn
from stepwell.engine.catalog import TRUSTED_SECONDS, Catalog, Logging


@scenario
async def test_a_repeated_create_is_the_same_machine(world: World) -> None:
    first = await world.create(tags={"a": "1"})
    world.clock.time += 60
    again = await world.create(role=ROLE + "2", tags={"b": "2"})
    assert again == first
    assert await world.catalog.tags(arn_of(first)) == {"a": "1"}
    assert len(await world.store.list("revision")) == 1


@pytest.mark.parametrize(
    "difference",
    [
        {"definition": OTHER}, {"definition": PASS + " "}, {"type": "EXPRESS"}, {"tracing": True},
        {"logging": Logging("ALL", False, ["arn"])}, {"encryption": {"type": "AWS_OWNED_KEY"}}, {"published": ""},
    ],
)  # fmt: skip
def test_a_create_that_differs_is_refused(difference: dict[str, Any]) -> None:
    async def test(world: World) -> None:
        await world.create()
        assert await refused(world.create(**difference)) == "StateMachineAlreadyExists"
        assert len(await world.store.list("revision")) == 1

    scenario(test)()


@scenario
async def test_creates_at_the_same_time_make_one_machine(world: World) -> None:
    made = await asyncio.gather(*(world.create() for _ in range(10)))
    assert len({machine.revision for machine in made}) == 1
    assert len(await world.store.list("revision")) == 1


@scenario
async def test_updates_at_the_same_time_lose_nothing(world: World) -> None:
    machine = await world.create()
    await asyncio.gather(
        world.update(arn_of(machine), definition=OTHER), world.update(arn_of(machine), role=ROLE + "2"),
        world.update(arn_of(machine), tracing=True),
    )  # fmt: skip
    _, revision = await world.catalog.state_machine(arn_of(machine))
    assert (revision.definition, revision.role, revision.tracing, revision.number) == (OTHER, ROLE + "2", True, 4)


@scenario
async def test_tags_at_the_same_time_lose_nothing(world: World) -> None:
    arn = arn_of(await world.create())
    await asyncio.gather(*(world.catalog.tag(arn, {f"k{index}": "v"}) for index in range(20)))
    await world.catalog.untag(arn, ["k0", "k0", "nothing"])
    assert sorted(await world.catalog.tags(arn)) == sorted(f"k{index}" for index in range(1, 20))


@scenario
async def test_an_update_mints_a_revision_and_the_old_one_stays(world: World) -> None:
    machine = await world.create()
    old = await world.catalog.program(machine.revision)
    revision = await world.update(arn_of(machine), definition=OTHER)
    assert (await world.catalog.program(revision.id)).start_at == "Q"
    assert await world.catalog.program(machine.revision) is old
    current, found = await world.catalog.state_machine(arn_of(machine))
    assert (current.revision, found, current.created_at) == (revision.id, revision, machine.created_at)


@scenario
async def test_an_update_that_does_not_compile_changes_nothing(world: World) -> None:
    machine = await world.create()
    assert await refused(world.update(arn_of(machine), definition="{}")) == "InvalidDefinition"
    assert await refused(world.update(arn_of(machine), role="nobody")) == "InvalidArn"
    assert (await world.catalog.state_machine(arn_of(machine)))[0] == machine


@scenario
async def test_a_hot_machine_costs_no_read(world: World) -> None:
    machine = await world.create()
    world.store.gets = 0
    for _ in range(100):
        await world.catalog.state_machine(arn_of(machine))
        await world.catalog.program(machine.revision)
    assert world.store.gets == 0


@scenario
async def test_what_another_node_writes_is_seen_after_a_second(world: World) -> None:
    machine = await world.create()
    other = Catalog(world.store, world.clock)
    await other.state_machine(arn_of(machine))
    revision = await world.update(arn_of(machine), definition=OTHER)
    assert (await other.state_machine(arn_of(machine)))[0].revision == machine.revision
    world.clock.time += TRUSTED_SECONDS + 0.001
    assert (await other.state_machine(arn_of(machine)))[0].revision == revision.id
    await world.catalog.delete_state_machine(arn_of(machine))
    world.clock.time += TRUSTED_SECONDS + 0.001
    assert await refused(other.state_machine(arn_of(machine))) == "StateMachineDoesNotExist"


@scenario
async def test_a_deleted_machine_is_gone_and_its_name_free(world: World) -> None:
    machine = await world.create(tags={"a": "1"})
    await world.catalog.delete_state_machine(arn_of(machine))
    await world.catalog.delete_state_machine(arn_of(machine))
    assert await refused(world.catalog.state_machine(arn_of(machine))) == "StateMachineDoesNotExist"
    assert await refused(world.catalog.tags(arn_of(machine))) == "ResourceNotFound"
    again = await world.create(definition=OTHER)
    assert await world.catalog.tags(arn_of(again)) == {}
    assert (await world.catalog.program(machine.revision)).start_at == "P"


@scenario
async def test_a_machine_with_running_executions_is_deleting_until_they_end(world: World) -> None:
    machine = await world.create()
    await world.running(machine)
    await world.catalog.delete_state_machine(arn_of(machine))
    assert await refused(world.catalog.state_machine(arn_of(machine))) == "StateMachineDeleting"
    assert await refused(world.create()) == "StateMachineDeleting"
    assert await refused(world.update(arn_of(machine), tracing=True)) == "StateMachineDeleting"
    found, _ = await world.catalog.state_machine(arn_of(machine), deleting=True)
    assert found.deleting
    await world.running(machine, status="SUCCEEDED", sequence=2)
    world.clock.time += TRUSTED_SECONDS + 0.001
    assert await refused(world.catalog.state_machine(arn_of(machine))) == "StateMachineDoesNotExist"
    assert await world.create() != machine


@scenario
async def test_a_qualified_arn_resolves_to_nothing(world: World) -> None:
    machine = await world.create()
    for suffix in (":1", ":live", "/label"):
        arn = parse_arn(machine.arn + suffix, STATE_MACHINE)
        assert await refused(world.catalog.state_machine(arn)) == "StateMachineDoesNotExist"


@scenario
async def test_machines_are_listed_by_name_within_account_and_region(world: World) -> None:
    for name in ("b", "a", "c"):
        await world.create(name)
    everything = await world.catalog.state_machines(ACCOUNT, REGION, after="", limit=10)
    assert [machine.name for machine in everything] == ["a", "b", "c"]
    rest = await world.catalog.state_machines(ACCOUNT, REGION, after=everything[0].arn, limit=1)
    assert [machine.name for machine in rest] == ["b"]
    assert await world.catalog.state_machines("000000000000", REGION, after="", limit=10) == []
    assert await world.catalog.state_machines(ACCOUNT, "us-east", after="", limit=10) == []


@scenario
async def test_activities(world: World) -> None:
    first = await world.catalog.create_activity(ACCOUNT, REGION, "a", {"t": "1"})
    world.clock.time += 60
    assert await world.catalog.create_activity(ACCOUNT, REGION, "a", {}) == first
    assert await world.catalog.tags(parse_arn(first.arn, ACTIVITY)) == {"t": "1"}
    assert await world.catalog.activities(ACCOUNT, REGION, after="", limit=5) == [first]
    await world.catalog.delete_activity(first.arn)
    await world.catalog.delete_activity(first.arn)
    assert await refused(world.catalog.activity(first.arn)) == "ActivityDoesNotExist"
    assert await refused(world.catalog.create_activity(ACCOUNT, REGION, "a/b", {})) == "InvalidName"


@scenario
async def test_tag_limits(world: World) -> None:
    arn = arn_of(await world.create(tags={f"k{index}": "v" for index in range(50)}))
    assert await refused(world.catalog.tag(arn, {"one more": "v"})) == "TooManyTags"
    await world.catalog.tag(arn, {"k0": "changed"})
    assert (await world.catalog.tags(arn))["k0"] == "changed"
    await world.catalog.untag(arn, ["k0"])
    assert await refused(world.catalog.tag(arn, {"aws:x": "v"})) == "ValidationException"


@scenario
async def test_a_revision_that_does_not_compile_says_whose_it_is(world: World) -> None:
    machine = await world.create()
    body = await world.store.get("revision", machine.revision)
    assert body is not None
    await world.store.put("revision", machine.revision, body.replace(b'\\"Pass\\"', b'\\"Puss\\"'))
    with pytest.raises(RuntimeError, match=f"{machine.arn}: revision {machine.revision} does not compile: SCHEMA"):
        await Catalog(world.store, world.clock).program(machine.revision)
    with pytest.raises(KeyError):
        await world.catalog.program("no such revision")
