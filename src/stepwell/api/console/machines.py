"""The revisions of a state machine. AWS's calls show the current one and those that are published; here are all."""

from stepwell.api.console.endpoint import Console, Query, Read
from stepwell.api.console.shapes import RevisionDetail, RevisionItem, Revisions
from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.arns import STATE_MACHINE, parse_arn
from stepwell.engine.versions import VERSIONS_MAX


class RevisionsQuery(Query):
    """`arn` is a state machine's."""

    arn: str


async def _revisions(console: Console, query: RevisionsQuery) -> Revisions:
    """Only those of the machine that has the ARN now: an earlier one of its name had revisions of its own."""
    catalog, versions = console.service.catalog, console.service.versions
    arn = parse_arn(query.arn, STATE_MACHINE)
    machine, current = await catalog.state_machine(arn, deleting=True)
    published: dict[str, list[int]] = {}
    for version in await versions.versions(arn, below=None, limit=VERSIONS_MAX):
        published.setdefault(version.revision, []).append(version.number)
    return Revisions(
        revisions=[
            RevisionItem(
                id=revision.id, number=revision.number, created_at=revision.created_at,
                current=revision.id == current.id, versions=published.get(revision.id, []),
            )
            for revision in await catalog.revisions(arn.text) if revision.created_at >= machine.created_at
        ]
    )  # fmt: skip


class RevisionQuery(Query):
    """`id` is a revision's."""

    id: str


async def _revision(console: Console, query: RevisionQuery) -> RevisionDetail:
    try:
        revision = await console.service.catalog.revision(query.id)
    except KeyError:
        raise ServiceError("ResourceNotFound", f"No revision has the id {query.id}", 404) from None
    return RevisionDetail(
        id=revision.id, state_machine_arn=revision.state_machine, number=revision.number,
        created_at=revision.created_at, definition=revision.definition, role=revision.role,
        log_level=revision.logging.level, tracing=revision.tracing,
    )  # fmt: skip


READS = {
    "machine/revisions": Read(RevisionsQuery, Revisions, _revisions),
    "machine/revision": Read(RevisionQuery, RevisionDetail, _revision),
}
