"""Activities and task tokens: CreateActivity and its kin, GetActivityTask, SendTaskSuccess, -Failure and -Heartbeat."""

from stepwell.api.documents import read_document
from stepwell.api.identity import Identity
from stepwell.api.paging import Page
from stepwell.api.service import Handler, Members, Service, timestamp
from stepwell.api.tags import read_tags
from stepwell.awsmodels.errors import ServiceError
from stepwell.engine.arns import ACTIVITY, parse_arn
from stepwell.engine.catalog import Activity
from stepwell.tasks.activities import TooManyPollers

POLL_SECONDS = 60.0
"""How long GetActivityTask waits for a task. Source: AWS's API reference."""


async def create_activity(service: Service, who: Identity, request: Members) -> Members:
    tags = read_tags(request.get("tags"))
    activity = await service.catalog.create_activity(who.account, who.region, request["name"], tags)
    return {"activityArn": activity.arn, "creationDate": timestamp(activity.created_at)}


async def describe_activity(service: Service, who: Identity, request: Members) -> Members:
    activity = await service.catalog.activity(_arn(request))
    return {**_item(activity), "encryptionConfiguration": {"type": "AWS_OWNED_KEY"}}


async def delete_activity(service: Service, who: Identity, request: Members) -> Members:
    await service.catalog.delete_activity(_arn(request))
    return {}


async def list_activities(service: Service, who: Identity, request: Members) -> Members:
    page = Page(("ListActivities", who.account, who.region), request, str, service.engine.clock.now())
    found = await service.catalog.activities(who.account, who.region, after=page.start or "", limit=page.limit)
    return page.reply("activities", [_item(activity) for activity in found], lambda: found[page.size - 1].arn)


async def get_activity_task(service: Service, who: Identity, request: Members) -> Members:
    """Waits for a minute at most; no task is a reply without a token."""
    arn = _arn(request)
    await service.catalog.activity(arn)
    try:
        task = await service.activities.poll(arn, request.get("workerName"), POLL_SECONDS)
    except TooManyPollers:
        raise ServiceError("ActivityWorkerLimitExceeded", f"Activity Worker Limit Exceeded: '{arn}'") from None
    return {"taskToken": None} if task is None else {"taskToken": task[0], "input": task[1]}


async def send_task_success(service: Service, who: Identity, request: Members) -> Members:
    output = read_document(request["output"], "InvalidOutput", "Invalid Output", service.payload_max_bytes)
    await service.engine.task_succeeded(request["taskToken"], output)
    return {}


async def send_task_failure(service: Service, who: Identity, request: Members) -> Members:
    await service.engine.task_failed(request["taskToken"], request.get("error"), request.get("cause"))
    return {}


async def send_task_heartbeat(service: Service, who: Identity, request: Members) -> Members:
    await service.engine.task_heartbeat(request["taskToken"])
    return {}


def _arn(request: Members) -> str:
    return parse_arn(request["activityArn"], ACTIVITY).text


def _item(activity: Activity) -> dict[str, object]:
    return {"activityArn": activity.arn, "name": activity.name, "creationDate": timestamp(activity.created_at)}


OPERATIONS: dict[str, Handler] = {
    "CreateActivity": create_activity,
    "DescribeActivity": describe_activity,
    "DeleteActivity": delete_activity,
    "ListActivities": list_activities,
    "GetActivityTask": get_activity_task,
    "SendTaskSuccess": send_task_success,
    "SendTaskFailure": send_task_failure,
    "SendTaskHeartbeat": send_task_heartbeat,
}
