"""Versions and aliases of state machines: numbered revisions that never change, and names that point to them.

    version   ARN:NUMBER   a revision under a number that is given once
    alias     ARN:NAME     one or two versions, and the share of executions that each gets

An ARN with a number or a name after the machine's own starts executions of that version, or of one that is drawn by
the alias's weights. Nothing is kept in memory, so whoever starts an execution sees the last change.

Texts of errors are AWS's as recorded, but for those that a comment calls ours.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.arns import STATE_MACHINE, Arn, parse_arn
from stepwell.engine.catalog import Catalog, Revision, StateMachine
from stepwell.engine.clock import Clock
from stepwell.store.protocol import Store

VERSIONS_MAX = 1000
ALIASES_MAX = 100
"""AWS's quotas for one state machine."""

INITIAL = "INITIAL"
"""How AWS calls the revision of a machine that was never updated."""

VERSION, ALIAS = "version", "alias"


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A revision under a number. Of those `deleted` only the latest is kept, so that its number is not given again."""

    arn: str
    number: int
    revision: str
    created_at: float
    description: str | None = None
    deleted: bool = False


class Route(msgspec.Struct, frozen=True):
    """A version's ARN, and how many of a hundred executions it gets."""

    version: str
    weight: int


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    arn: str
    name: str
    routes: list[Route]
    created_at: float
    updated_at: float
    description: str | None = None


class Target(NamedTuple):
    """What an ARN stands for where an execution is started; `version` and `alias` are ARNs."""

    machine: StateMachine
    revision: Revision
    version: str | None = None
    alias: str | None = None


class Versions:
    """Publishes, routes and lists. All methods raise `ServiceError` with AWS's code and text.

    `draw` gives a random number below the one that it is handed.
    """

    def __init__(
        self, store: Store, clock: Clock, catalog: Catalog, draw: Callable[[int], int] = secrets.randbelow
    ) -> None:
        self._store = store
        self._clock = clock
        self._catalog = catalog
        self._draw = draw

    # What an ARN stands for

    async def target(self, arn: Arn) -> Target:
        """The machine and the revision to start, drawn by weight where the ARN is an alias's."""
        if arn.qualifier is None:
            return Target(*await self._catalog.state_machine(arn))
        alias = await self._alias(arn.text)
        version = await self._existing(arn, arn.text if alias is None else self._drawn(alias))
        machine, _ = await self._catalog.state_machine(arn.unqualified)
        revision = await self._catalog.revision(version.revision)
        return Target(machine, revision, version.arn, None if alias is None else alias.arn)

    async def described(self, arn: Arn) -> tuple[StateMachine, Revision, Version | None]:
        """What DescribeStateMachine shows; of an alias the version with the greater weight, which is our choice."""
        if arn.qualifier is None:
            return *await self._catalog.state_machine(arn, deleting=True), None
        alias = await self._alias(arn.text)
        chosen = arn.text if alias is None else max(alias.routes, key=lambda route: route.weight).version
        version = await self._existing(arn, chosen)
        machine, _ = await self._catalog.state_machine(arn.unqualified, deleting=True)
        return machine, await self._catalog.revision(version.revision), version

    def _drawn(self, alias: Alias) -> str:
        left = self._draw(sum(route.weight for route in alias.routes))
        for route in alias.routes:
            if left < route.weight:
                return route.version
            left -= route.weight
        raise AssertionError("a number below the sum of the weights belongs to a route")

    async def _existing(self, arn: Arn, version: str) -> Version:
        found = await self._version(version)
        if found is None:
            raise ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn.text}'")
        return found

    # Versions

    async def publish(self, arn: Arn, revision_id: str | None, description: str | None) -> Version:
        """The version of a machine's current revision; one that it has already is given back as it is."""
        async with self._catalog.changing:
            machine, revision = await self._catalog.state_machine(arn, fresh=True)
            current = revision.id if revision.number > 1 else INITIAL
            if revision_id not in (None, current):
                raise _conflict(
                    f"Failed to publish the State Machine version for revision {revision_id}. "
                    f"The current State Machine revision is {current}."
                )
            return await self._publish(machine.arn, revision.id, description)

    async def publish_revision(self, arn: Arn, revision_id: str, description: str | None) -> Version:
        """The version of a revision that was made a moment ago, though another may be current by now."""
        async with self._catalog.changing:
            machine, _ = await self._catalog.state_machine(arn, fresh=True)
            return await self._publish(machine.arn, revision_id, description)

    async def _publish(self, machine: str, revision_id: str, description: str | None) -> Version:
        versions = await self._all_versions(machine)
        for version in versions:
            if version.revision == revision_id and not version.deleted:
                return version
        _check_room(versions)
        latest = versions[0] if versions else None
        number = 1 if latest is None else latest.number + 1
        version = Version(
            arn=f"{machine}:{number}", number=number, revision=revision_id, created_at=self._clock.now(),
            description=description,
        )  # fmt: skip
        if not await self._store.put_new(VERSION, version.arn, msgspec.json.encode(version)):
            # Another node was faster. The text is ours.
            raise _conflict(f"Version {number} is being published by another request.")
        if latest is not None and latest.deleted:
            await self._store.delete(VERSION, latest.arn)
        return version

    async def check_room(self, arn: Arn) -> None:
        """Raises ServiceQuotaExceededException where a machine has as many versions as AWS lets it have."""
        _check_room(await self._all_versions(arn.text))

    async def delete_version(self, arn: Arn) -> None:
        """Delete a version; one that is not there is no error, one that an alias points to is ConflictException."""
        if arn.qualifier is None or not _is_number(arn.qualifier):
            # The text is ours.
            raise ServiceError("ValidationException", f"Not the ARN of a state machine version: {arn.text}")
        machine = arn.unqualified.text
        async with self._catalog.changing:
            if names := [alias.name for alias in await self._all_aliases(machine) if arn.text in _versions(alias)]:
                raise _conflict(
                    "Version to be deleted must not be referenced by an alias. "
                    f"Current list of aliases referencing this version: [{', '.join(names)}]"
                )
            versions = await self._all_versions(machine)
            if versions and versions[0].arn == arn.text:
                deleted = msgspec.structs.replace(versions[0], deleted=True)
                await self._store.put(VERSION, arn.text, msgspec.json.encode(deleted))
            else:
                await self._store.delete(VERSION, arn.text)

    async def versions(self, arn: Arn, *, below: int | None, limit: int) -> list[Version]:
        """A machine's versions with numbers below `below`, the latest first."""
        if arn.qualifier is not None:
            # The text is ours.
            raise ServiceError("ValidationException", f"The state machine ARN must not be qualified: {arn.text}")
        await self._catalog.state_machine(arn, deleting=True)
        there = [version for version in await self._all_versions(arn.text) if not version.deleted]
        return [version for version in there if below is None or version.number < below][:limit]

    async def _version(self, arn: str) -> Version | None:
        body = await self._store.get(VERSION, arn)
        version = None if body is None else msgspec.json.decode(body, type=Version)
        return None if version is None or version.deleted else version

    async def _all_versions(self, machine: str) -> list[Version]:
        rows = await self._store.list(VERSION, f"{machine}:")
        found = [msgspec.json.decode(body, type=Version) for _, body in rows]
        return sorted(found, key=lambda version: -version.number)

    # Aliases

    async def create_alias(self, name: str, routes: Sequence[Route], description: str | None) -> Alias:
        """Create an alias, or give back the one that an equal call has created."""
        machine = _machine_of(routes)
        now = self._clock.now()
        alias = Alias(
            arn=f"{machine.text}:{name}", name=name, routes=list(routes), created_at=now, updated_at=now,
            description=description,
        )  # fmt: skip
        async with self._catalog.changing:
            await self._check_routes(machine, routes)
            aliases = await self._all_aliases(machine.text)
            for found in aliases:
                if found.name == name and _compared(found) == _compared(alias):
                    return found
            if len(aliases) >= ALIASES_MAX and all(found.name != name for found in aliases):
                raise _exceeded(f"A state machine has at most {ALIASES_MAX} aliases")
            if not await self._store.put_new(ALIAS, alias.arn, msgspec.json.encode(alias)):
                raise _conflict(
                    "Failed to create alias because an alias with the same name and a different routing configuration "
                    "already exists."
                )
        return alias

    async def update_alias(self, arn: Arn, routes: Sequence[Route] | None, description: str | None) -> Alias:
        """Change what is not None."""
        async with self._catalog.changing:
            alias = await self.alias(arn)
            if routes is not None:
                if _machine_of(routes).text != arn.unqualified.text:
                    raise _not_of_one_machine(routes)
                await self._check_routes(arn.unqualified, routes)
            changed = msgspec.structs.replace(
                alias,
                routes=alias.routes if routes is None else list(routes),
                description=alias.description if description is None else description,
                updated_at=self._clock.now(),
            )
            await self._store.put(ALIAS, alias.arn, msgspec.json.encode(changed))
        return changed

    async def delete_alias(self, arn: Arn) -> None:
        """Delete an alias; one that is not there is no error. Executions that were started through it go on."""
        _check_alias(arn)
        async with self._catalog.changing:
            await self._store.delete(ALIAS, arn.text)

    async def alias(self, arn: Arn) -> Alias:
        """Raises ResourceNotFound."""
        _check_alias(arn)
        alias = await self._alias(arn.text)
        if alias is None:
            raise _not_found(arn.text)
        return alias

    async def aliases(self, arn: Arn, *, after: str, limit: int) -> list[Alias]:
        """Aliases of a machine, or those that point to a version, with names beyond `after`.

        AWS's documentation says that the latest come first; its recorded replies have them by name.
        """
        if arn.qualifier is not None and await self._version(arn.text) is None:
            raise _not_found(arn.text)
        await self._catalog.state_machine(arn.unqualified)
        found = [alias for alias in await self._all_aliases(arn.unqualified.text) if alias.name > after]
        return [alias for alias in found if arn.qualifier is None or arn.text in _versions(alias)][:limit]

    async def _check_routes(self, machine: Arn, routes: Sequence[Route]) -> None:
        try:
            await self._catalog.state_machine(machine, fresh=True)
        except ServiceError as error:
            raise _not_found(machine.text) if error.code == "StateMachineDoesNotExist" else error from None
        for route in routes:
            if await self._version(route.version) is None:
                raise _not_found(route.version)

    async def _alias(self, arn: str) -> Alias | None:
        body = await self._store.get(ALIAS, arn)
        return None if body is None else msgspec.json.decode(body, type=Alias)

    async def _all_aliases(self, machine: str) -> list[Alias]:
        rows = await self._store.list(ALIAS, f"{machine}:")
        return [msgspec.json.decode(body, type=Alias) for _, body in rows]


def _machine_of(routes: Sequence[Route]) -> Arn:
    """The machine whose versions the routes name. Raises ValidationException for any other routes.

    Only the text about version ARNs is recorded; the others are ours.
    """
    weights = [route.weight for route in routes]
    if sum(weights) != 100:
        raise _invalid_routes(f"Sum of routing configuration weights must equal 100. Received: {weights}")
    arns = [parse_arn(route.version, STATE_MACHINE) for route in routes]
    if not all(arn.qualifier is not None and _is_number(arn.qualifier) for arn in arns):
        raise _invalid_routes(f"Routing configuration must contain state machine version ARNs. {_received(routes)}")
    if len({arn.text for arn in arns}) < len(arns):
        text = "Routing configuration must contain distinct state machine version ARNs."
        raise _invalid_routes(f"{text} {_received(routes)}")
    if len({arn.unqualified for arn in arns}) > 1:
        raise _not_of_one_machine(routes)
    return arns[0].unqualified


def _not_of_one_machine(routes: Sequence[Route]) -> ServiceError:
    text = "Routing configuration must contain versions of the alias's own state machine."
    return _invalid_routes(f"{text} {_received(routes)}")


def _received(routes: Sequence[Route]) -> str:
    return f"Received: [{', '.join(route.version for route in routes)}]"


def _invalid_routes(message: str) -> ServiceError:
    return ServiceError("ValidationException", message, extra={"reason": "INVALID_ROUTING_CONFIGURATION"})


def _check_alias(arn: Arn) -> None:
    if arn.qualifier is None or _is_number(arn.qualifier):
        # The text is ours.
        raise ServiceError("ValidationException", f"Not the ARN of a state machine alias: {arn.text}")


def _check_room(versions: Sequence[Version]) -> None:
    if sum(not version.deleted for version in versions) >= VERSIONS_MAX:
        raise _exceeded(f"A state machine has at most {VERSIONS_MAX} versions")


def _is_number(qualifier: str) -> bool:
    return qualifier.isascii() and qualifier.isdecimal()


def _versions(alias: Alias) -> list[str]:
    return [route.version for route in alias.routes]


def _compared(alias: Alias) -> tuple[object, ...]:
    """What a repeated CreateStateMachineAlias must agree in."""
    return alias.description, sorted((route.version, route.weight) for route in alias.routes)


def _conflict(message: str) -> ServiceError:
    return ServiceError("ConflictException", message, 409)


def _exceeded(message: str) -> ServiceError:
    # The texts are ours.
    return ServiceError("ServiceQuotaExceededException", message, 402)


def _not_found(arn: str) -> ServiceError:
    # No recording that we have holds the text.
    text = "Request references a resource that does not exist."
    return ServiceError("ResourceNotFound", text, extra={"resourceName": arn})
