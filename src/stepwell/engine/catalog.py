"""What is deployed: state machines, their revisions, activities and tags.

Every document is kept in the store under a kind of its own:

    state-machine   ARN                  the machine: its type, and which revision is current
    revision        revision id          definition, role, logging, tracing: immutable
    activity        ARN
    tags            ARN of a resource

Versions and aliases are in `versions.py`, under kinds that begin with a machine's ARN and go with it.

An execution names its revision, and so its program, for all its life; a revision is therefore kept when its machine is
deleted.
"""

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from stepwell.asl.compile import compile_definition
from stepwell.asl.errors import DefinitionError
from stepwell.asl.program import Program
from stepwell.asl.resources import Recognizes
from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.arns import ACTIVITY, Arn, activity_arn, check_name, check_role, state_machine_arn
from stepwell.engine.clock import Clock
from stepwell.machine.execution import RUNNING
from stepwell.store.protocol import Store

TAGS_MAX = 50
PROGRAMS_CACHED = 512
REVISIONS_CACHED = 512
MACHINES_CACHED = 4096
OF_A_MACHINE = ("alias", "version")
"""The kinds of documents whose keys are ARN:QUALIFIER of a machine. An alias goes before the version that it needs."""

EXPRESS = "express-execution"
"""The kind of the documents of asynchronous Express executions that have not ended."""

TRUSTED_SECONDS = 1.0
"""How long a machine in memory is believed without asking the store: another node may have updated it."""

T = TypeVar("T")


class Logging(msgspec.Struct, frozen=True):
    """A machine's loggingConfiguration. `destinations` are ARNs of log groups, None where the caller gave no list."""

    level: str = "OFF"
    include_execution_data: bool = False
    destinations: list[str] | None = None


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One definition of a machine with all that executions of it take from the machine. `number` counts from 1."""

    id: str
    state_machine: str
    number: int
    definition: str
    role: str
    type: str
    created_at: float
    logging: Logging = Logging()
    tracing: bool = False
    encryption: dict[str, str | int] | None = None


class StateMachine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine. `revision` is the id of the current one; `deleting` ones only wait for their executions' end.

    `published` is the versionDescription of a creation with `publish`, "" if it had none; None without `publish`.
    """

    arn: str
    name: str
    type: str
    created_at: float
    revision: str
    deleting: bool = False
    published: str | None = None


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    arn: str
    name: str
    created_at: float


class _Cached(msgspec.Struct):
    machine: StateMachine
    revision: Revision
    trusted_until: float


class Catalog:
    """Reads and changes what is deployed. All methods raise `ServiceError` with AWS's code and text."""

    def __init__(self, store: Store, clock: Clock, recognizes: Recognizes | None = None) -> None:
        """`recognizes` says which resources a new definition may name; without it, any of good form."""
        self.recognizes = recognizes
        self._store = store
        self._clock = clock
        self.changing = asyncio.Lock()
        """Every change of a machine, and of what belongs to it, reads first; in one process they take turns."""
        self._machines: OrderedDict[str, _Cached] = OrderedDict()
        self._revisions: OrderedDict[str, Revision] = OrderedDict()
        self._programs: OrderedDict[str, Program] = OrderedDict()

    # State machines

    async def create_state_machine(
        self,
        account: str,
        region: str,
        *,
        name: str,
        definition: str,
        role: str,
        type: str,
        logging: Logging,
        tracing: bool,
        encryption: dict[str, str | int] | None,
        tags: Mapping[str, str],
        published: str | None = None,
    ) -> StateMachine:
        """Create a machine, or give back the one that an equal call has created.

        The same name with anything else different but role and tags is StateMachineAlreadyExists. `published` is kept
        for that comparison alone.
        """
        check_name(name)
        check_role(role)
        check_tags(tags)
        program = compile_or_refuse(definition, type, self.recognizes)
        arn, now = state_machine_arn(account, region, name), self._clock.now()
        revision = Revision(
            id=str(uuid.uuid4()), state_machine=arn, number=1, definition=definition, role=role, type=type,
            created_at=now, logging=logging, tracing=tracing, encryption=encryption,
        )  # fmt: skip
        machine = StateMachine(
            arn=arn, name=name, type=type, created_at=now, revision=revision.id, published=published
        )  # fmt: skip
        async with self.changing:
            found = await self._find(arn)
            if found is None and await self._add(machine, revision, tags):
                _remember(self._programs, revision.id, program, PROGRAMS_CACHED)
                return machine
            found = found or await self._found(arn)
        if found.machine.deleting:
            raise _deleting(arn)
        if (_compared(found.revision), found.machine.published) != (_compared(revision), published):
            raise ServiceError("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")
        return found.machine

    async def _add(self, machine: StateMachine, revision: Revision, tags: Mapping[str, str]) -> bool:
        # The machine last: one that can be found has its revision and its tags.
        await self._store.put("revision", revision.id, msgspec.json.encode(revision))
        if tags:
            await self._store.put("tags", machine.arn, msgspec.json.encode(tags))
        if not await self._store.put_new("state-machine", machine.arn, msgspec.json.encode(machine)):
            await self._store.delete("revision", revision.id)
            return False
        self._cache(machine, revision)
        return True

    async def update_state_machine(
        self,
        arn: Arn,
        *,
        definition: str | None,
        role: str | None,
        logging: Logging | None,
        tracing: bool | None,
        encryption: dict[str, str | int] | None,
    ) -> Revision:
        """Mint a revision that differs in what is not None, and make it current. Running executions keep theirs.

        Where nothing differs the current revision stays.
        """
        if role is not None:
            check_role(role)
        changes = _given(definition=definition, role=role, logging=logging, tracing=tracing, encryption=encryption)
        async with self.changing:
            found = await self._found(arn.text)
            if found.machine.deleting:
                raise _deleting(arn.text)
            if all(getattr(found.revision, name) == value for name, value in changes.items()):
                return found.revision
            revision = msgspec.structs.replace(
                found.revision,
                id=str(uuid.uuid4()),
                number=found.revision.number + 1,
                created_at=self._clock.now(),
                **changes,
            )
            program = compile_or_refuse(revision.definition, revision.type, self.recognizes)
            machine = msgspec.structs.replace(found.machine, revision=revision.id)
            await self._store.put("revision", revision.id, msgspec.json.encode(revision))
            await self._store.put("state-machine", machine.arn, msgspec.json.encode(machine))
            self._cache(machine, revision)
            _remember(self._programs, revision.id, program, PROGRAMS_CACHED)
        return revision

    async def delete_state_machine(self, arn: Arn) -> None:
        """Delete a machine; one that is not there is no error.

        Its versions and aliases go at once. While executions of it run it stays, as DELETING: nothing can be started
        and the name is taken.
        """
        async with self.changing:
            found = await self._find(arn.text)
            if found is None or found.machine.deleting:
                return
            await self._remove_qualified(arn.text)
            if not await self._is_running(arn.text):
                await self._remove(arn.text)
                return
            machine = msgspec.structs.replace(found.machine, deleting=True)
            await self._store.put("state-machine", arn.text, msgspec.json.encode(machine))
            self._cache(machine, found.revision)

    async def state_machine(
        self, arn: Arn, *, deleting: bool = False, fresh: bool = False
    ) -> tuple[StateMachine, Revision]:
        """A machine and its current revision, from memory if the store was asked within `TRUSTED_SECONDS`.

        `fresh` asks the store: whoever holds `changing` reads it so.
        Raises StateMachineDoesNotExist, and StateMachineDeleting unless `deleting` ones are wanted too.
        """
        cached = self._machines.get(arn.text)
        if fresh or cached is None or cached.trusted_until < self._clock.now():
            cached = await self._found(arn.text)
        if cached.machine.deleting and not deleting:
            raise _deleting(arn.text)
        return cached.machine, cached.revision

    async def is_active(self, arn: str) -> bool:
        """Whether a machine is there, and not DELETING."""
        found = await self._find(arn)
        return found is not None and not found.machine.deleting

    async def state_machines(self, account: str, region: str, *, after: str, limit: int) -> list[StateMachine]:
        """Machines whose ARN comes after `after`, in the order of their names."""
        prefix = state_machine_arn(account, region, "")
        return await self._page("state-machine", prefix, after, limit, StateMachine)

    async def all_state_machines(self) -> list[StateMachine]:
        """The machines of every account and Region, in the order of their ARNs."""
        found = await self._store.list("state-machine")
        return [msgspec.json.decode(body, type=StateMachine) for _, body in found]

    async def revision(self, id: str) -> Revision:
        """A revision by its id, behind which a label may stand. Raises KeyError: an execution's is always there."""
        id = id.partition("/")[0]
        found = self._revisions.get(id)
        if found is None:
            body = await self._store.get("revision", id)
            if body is None:
                raise KeyError(f"the store has no revision {id}")
            found = msgspec.json.decode(body, type=Revision)
            _remember(self._revisions, id, found, REVISIONS_CACHED)
        return found

    async def revisions(self, arn: str) -> list[Revision]:
        """All revisions of a machine, also of those that had its ARN before it, the latest first.

        Reads the revisions of every machine: for people who look, not for executions.
        """
        rows = await self._store.list("revision")
        found = [msgspec.json.decode(body, type=Revision) for _, body in rows]
        of_machine = [revision for revision in found if revision.state_machine == arn]
        return sorted(of_machine, key=lambda revision: (revision.created_at, revision.number), reverse=True)

    async def program(self, revision: str) -> Program:
        """The compiled definition of a revision, or of a Distributed Map's children: then `revision` is ID/LABEL.

        Raises KeyError where there is no such revision, and RuntimeError where its definition does not compile, which
        an older release accepted or somebody changed in the store.
        """
        program = self._programs.get(revision)
        if program is None and "/" in revision:
            id, _, label = revision.partition("/")
            program = (await self.program(id)).processor(label)
            _remember(self._programs, revision, program, PROGRAMS_CACHED)
        if program is None:
            stored = await self.revision(revision)
            try:
                program = compile_definition(stored.definition, express=stored.type == "EXPRESS")
            except DefinitionError as error:
                raise RuntimeError(f"{stored.state_machine}: revision {revision} does not compile: {error}") from error
            _remember(self._programs, revision, program, PROGRAMS_CACHED)
        return program

    async def _found(self, arn: str) -> _Cached:
        found = await self._find(arn)
        if found is None:
            raise ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return found

    async def _find(self, arn: str) -> _Cached | None:
        """The machine as the store has it. One that is DELETING goes here when its last execution has ended."""
        body = await self._store.get("state-machine", arn)
        if body is None:
            self._machines.pop(arn, None)
            return None
        machine = msgspec.json.decode(body, type=StateMachine)
        if machine.deleting and not await self._is_running(arn):
            await self._remove(arn)
            return None
        return self._cache(machine, await self.revision(machine.revision))

    async def _is_running(self, arn: str) -> bool:
        return bool(await self._store.executions(through=arn, status=RUNNING, limit=1))

    async def _remove(self, arn: str) -> None:
        self._machines.pop(arn, None)
        await self._store.delete("tags", arn)
        await self._store.delete("state-machine", arn)

    async def _remove_qualified(self, arn: str) -> None:
        for kind in OF_A_MACHINE:
            for key, _ in await self._store.list(kind, f"{arn}:"):
                await self._store.delete(kind, key)

    def _cache(self, machine: StateMachine, revision: Revision) -> _Cached:
        cached = _Cached(machine, revision, self._clock.now() + TRUSTED_SECONDS)
        _remember(self._machines, machine.arn, cached, MACHINES_CACHED)
        _remember(self._revisions, revision.id, revision, REVISIONS_CACHED)
        return cached

    # Activities

    async def create_activity(self, account: str, region: str, name: str, tags: Mapping[str, str]) -> Activity:
        """Create an activity, or give back the one that has this name."""
        check_name(name)
        check_tags(tags)
        activity = Activity(arn=activity_arn(account, region, name), name=name, created_at=self._clock.now())
        if not await self._store.put_new("activity", activity.arn, msgspec.json.encode(activity)):
            return await self.activity(activity.arn)
        if tags:
            await self._store.put("tags", activity.arn, msgspec.json.encode(tags))
        return activity

    async def activity(self, arn: str) -> Activity:
        """Raises ActivityDoesNotExist."""
        body = await self._store.get("activity", arn)
        if body is None:
            raise ServiceError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")
        return msgspec.json.decode(body, type=Activity)

    async def activities(self, account: str, region: str, *, after: str, limit: int) -> list[Activity]:
        """Activities whose ARN comes after `after`, in the order of their names."""
        return await self._page("activity", activity_arn(account, region, ""), after, limit, Activity)

    async def delete_activity(self, arn: str) -> None:
        """Delete an activity; one that is not there is no error."""
        await self._store.delete("tags", arn)
        await self._store.delete("activity", arn)

    async def _page(self, kind: str, prefix: str, after: str, limit: int, type: type[T]) -> list[T]:
        rows = await self._store.list(kind, prefix)
        wanted = [body for key, body in rows if key > after][:limit]
        return [msgspec.json.decode(body, type=type) for body in wanted]

    # Tags

    async def tags(self, arn: Arn) -> dict[str, str]:
        """The tags of a machine or an activity. Raises ResourceNotFound."""
        await self._check_resource(arn)
        body = await self._store.get("tags", arn.text)
        return {} if body is None else msgspec.json.decode(body, type=dict[str, str])

    async def tag(self, arn: Arn, tags: Mapping[str, str]) -> None:
        """Add tags, or replace those of the same keys. Raises ResourceNotFound, TooManyTags."""
        async with self.changing:
            merged = {**await self.tags(arn), **tags}
            check_tags(merged, arn.text)
            await self._store.put("tags", arn.text, msgspec.json.encode(merged))

    async def untag(self, arn: Arn, keys: Sequence[str]) -> None:
        """Remove tags; keys that are not there are no error. Raises ResourceNotFound."""
        async with self.changing:
            kept = {key: value for key, value in (await self.tags(arn)).items() if key not in keys}
            await self._store.put("tags", arn.text, msgspec.json.encode(kept))

    async def _check_resource(self, arn: Arn) -> None:
        kind = "activity" if arn.kind == ACTIVITY else "state-machine"
        if await self._store.get(kind, arn.text) is None:
            resource = {"resourceName": arn.text}
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn.text}'", extra=resource)


async def forget_revisions(store: Store, *, created_before: float) -> None:
    """Delete revisions of machines that are deleted, unless something could still run by them."""
    if await store.list(EXPRESS):
        return  # One that a crash cut off begins again by its revision, and no row of executions shows it.
    rows = await store.list("revision")
    revisions = [msgspec.json.decode(body, type=Revision) for _, body in rows]
    old = [revision for revision in revisions if revision.created_at < created_before]
    for arn in {revision.state_machine for revision in old}:
        if await store.get("state-machine", arn) is not None or await store.executions(through=arn, limit=1):
            continue
        for revision in old:
            if revision.state_machine == arn:
                await store.delete("revision", revision.id)


def check_tags(tags: Mapping[str, str], resource: str = "") -> None:
    """Raises TooManyTags above AWS's 50, and ValidationException for a key of AWS's own prefix."""
    if len(tags) > TAGS_MAX:
        raise ServiceError(
            "TooManyTags", f"Number of tags exceeds the limit of {TAGS_MAX}", extra={"resourceName": resource}
        )
    if any(key.lower().startswith("aws:") for key in tags):
        raise ServiceError("ValidationException", "Tag keys that begin with 'aws:' are reserved")


def compile_or_refuse(definition: str, type: str, recognizes: Recognizes | None = None) -> Program:
    """Compile a definition. Raises AWS's InvalidDefinition, which lists every error."""
    try:
        return compile_definition(definition, express=type == "EXPRESS", recognizes=recognizes)
    except DefinitionError as error:
        raise ServiceError("InvalidDefinition", f"Invalid State Machine Definition: '{error}'") from None


def _given(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}


def _deleting(arn: str) -> ServiceError:
    return ServiceError("StateMachineDeleting", f"State Machine Deleting: '{arn}'")


def _compared(revision: Revision) -> tuple[object, ...]:
    """What a repeated CreateStateMachine must agree in. Definitions are compared as text, as AWS does."""
    return revision.definition, revision.type, revision.logging, revision.tracing, revision.encryption


def _remember(cache: OrderedDict[str, T], key: str, value: T, most: int) -> None:
    """Keep the `most` latest; a revision costs a read to get back, so the order of use is not worth tracking."""
    cache[key] = value
    if len(cache) > most:
        cache.popitem(last=False)
