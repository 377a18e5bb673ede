"""TagResource, UntagResource, ListTagsForResource; and tags as requests and replies have them."""

from collections.abc import Mapping, Sequence
from typing import Any

from stepwell.api.identity import Identity
from stepwell.api.service import Handler, Members, Service
from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.arns import ACTIVITY, STATE_MACHINE, Arn, parse_arn


def read_tags(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Of two tags with one key the later counts; a missing value is empty. Raises ValidationException without a key."""
    read: dict[str, str] = {}
    for tag in tags or ():
        if tag.get("key") is None:
            raise ServiceError("ValidationException", "A tag must have a key")
        read[tag["key"]] = tag.get("value") or ""
    return read


async def tag_resource(service: Service, who: Identity, request: Members) -> Members:
    await service.catalog.tag(_resource(request), read_tags(request["tags"]))
    return {}


async def untag_resource(service: Service, who: Identity, request: Members) -> Members:
    await service.catalog.untag(_resource(request), request["tagKeys"])
    return {}


async def list_tags_for_resource(service: Service, who: Identity, request: Members) -> Members:
    tags = await service.catalog.tags(_resource(request))
    return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}


def _resource(request: Mapping[str, Any]) -> Arn:
    return parse_arn(request["resourceArn"], STATE_MACHINE, ACTIVITY)


OPERATIONS: dict[str, Handler] = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
