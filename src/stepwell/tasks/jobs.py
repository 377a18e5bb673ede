"""`.sync`: what is started is watched until it ends, and stopped when its task no longer waits for it.

AWS hears of most ends by events; here every kind of job is asked for its state, by one poller and one table. What it
takes to ask is in the outbox from the moment on at which the task is submitted, so a restart goes on asking. A job that
waits costs a timer and no thread.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel

from stepwell.asl.errors import TASK_FAILED
from stepwell.asl.jsontext import Json, encode
from stepwell.awsmodels.services import find_operation
from stepwell.engine.clock import Clock
from stepwell.machine.commands import StartTask, WatchJob
from stepwell.machine.payload import Payload
from stepwell.machine.stimuli import SUBMIT, Stimulus
from stepwell.tasks.attempts import TaskError, settle
from stepwell.tasks.calls import CallFailed, CallRefused, Calls, Reply
from stepwell.tasks.casing import BadParameters, model_name
from stepwell.tasks.endpoints import NoEndpoint

log = logging.getLogger(__name__)

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 15.0
BACKOFF = 1.5

REASON = "The Step Functions task that started it no longer waits for it."

_THROTTLED = frozenset({"ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "Throttling"})

Template = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """How one kind of job is asked for and stopped.

    In `request` and `stop_request`, `$parameters.X` is the task's parameter X and `$reply.X` member X of what starting
    it gave. `status` and `shown` are paths into the reply of `describe`; the result is what `shown` leads to, under
    `wrapped` if that is set. `gone` is the error that says that a deletion is done.
    """

    service: str
    describe: str
    request: Template
    status: str | Callable[[Any], str]
    done: frozenset[str]
    failed: frozenset[str]
    shown: str = ""
    wrapped: str = ""
    stop: str = ""
    stop_request: Template | None = None
    gone: str = ""

    def begun(self, command: StartTask, reply: Mapping[str, Json]) -> dict[str, Json]:
        """All that watching and stopping it takes, as JSON. Raises `TaskError` for a reply that names no job."""
        known = {"parameters": command.input.value, "reply": reply, "reason": REASON}
        try:
            stop = _filled(self.request if self.stop_request is None else self.stop_request, known)
            job = {"type": command.type, "action": command.action.partition(".")[0], "role": command.credentials}
            return {**job, "describe": _filled(self.request, known), "stop": stop if self.stop else None}
        except (KeyError, IndexError, TypeError):
            raise TaskError(TASK_FAILED, f"The reply names no job to wait for: {encode(reply)}", SUBMIT) from None

    def result(self, described: Json) -> Json:
        found = _at(self.shown, described)
        return {self.wrapped: found} if self.wrapped else found


def _filled(template: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(template, Mapping):
        return {name: _filled(value, known) for name, value in template.items()}
    if isinstance(template, list):
        return [_filled(item, known) for item in template]
    return _at(template[1:], known)


def _at(path: str, value: Any) -> Any:
    for step in path.split(".") if path else ():
        value = value[int(step)] if step.isdigit() else value[step]
    return value


def _ecs_status(reply: Any) -> str:
    """A task that has stopped has succeeded only if all of its containers ended with 0."""
    task = reply["Tasks"][0]
    well = all(container.get("ExitCode") == 0 for container in task.get("Containers", []))
    return str(task["LastStatus"]) if well or task["LastStatus"] != "STOPPED" else "FAILED"


def _states(*names: str) -> frozenset[str]:
    return frozenset(names)


def _sagemaker(kind: str) -> JobKind:
    return JobKind(
        service="sagemaker", describe=f"describe{kind}", request={f"{kind}Name": f"$parameters.{kind}Name"},
        status=f"{kind}Status", done=_states("Completed"), failed=_states("Failed", "Stopped"), stop=f"stop{kind}",
    )  # fmt: skip


def _codebuild(kind: str) -> JobKind:
    plural = f"{kind}s" if kind == "Build" else f"{kind}es"
    return JobKind(
        service="codebuild", describe=f"batchGet{plural}", request={"Ids": [f"$reply.{kind}.Id"]},
        status=f"{plural}.0.{kind}Status", done=_states("SUCCEEDED"),
        failed=_states("FAILED", "FAULT", "TIMED_OUT", "STOPPED"), shown=f"{plural}.0", wrapped=kind,
        stop=f"stop{kind}", stop_request={"Id": f"$reply.{kind}.Id"},
    )  # fmt: skip


def _eks(kind: str, request: Template, made: bool) -> JobKind:
    """Clusters and what belongs to them: made until they are active, deleted until they are gone."""
    return JobKind(
        service="eks", describe=f"describe{kind}", request=request, status=f"{kind}.Status",
        done=_states("ACTIVE" if made else "DELETED"), failed=_states("FAILED", "CREATE_FAILED", "DELETE_FAILED"),
        gone="" if made else "ResourceNotFoundException",
    )  # fmt: skip


def _application(done: str, failed: frozenset[str], which: str = "$parameters.ApplicationId") -> JobKind:
    return JobKind(
        service="emrserverless", describe="getApplication", request={"ApplicationId": which},
        status="Application.State", done=_states(done), failed=failed,
    )  # fmt: skip


def _serverless_run(run: str, done: frozenset[str], failed: frozenset[str], stop: str) -> JobKind:
    return JobKind(
        service="emrserverless", describe="getJobRun",
        request={"ApplicationId": "$parameters.ApplicationId", "JobRunId": run},
        status="JobRun.State", done=done, failed=failed, stop=stop,
    )  # fmt: skip


_CLUSTER = {"Name": "$parameters.Name"}
_PROFILE = {"ClusterName": "$parameters.ClusterName", "FargateProfileName": "$parameters.FargateProfileName"}
_NODES = {"ClusterName": "$parameters.ClusterName", "NodegroupName": "$parameters.NodegroupName"}

JOBS: Mapping[tuple[str, str], JobKind] = {
    ("athena", "startQueryExecution"): JobKind(
        service="athena", describe="getQueryExecution", request={"QueryExecutionId": "$reply.QueryExecutionId"},
        status="QueryExecution.Status.State", done=_states("SUCCEEDED"), failed=_states("FAILED", "CANCELLED"),
        stop="stopQueryExecution",
    ),
    ("batch", "submitJob"): JobKind(
        service="batch", describe="describeJobs", request={"Jobs": ["$reply.JobId"]}, status="Jobs.0.Status",
        done=_states("SUCCEEDED"), failed=_states("FAILED"), shown="Jobs.0", stop="terminateJob",
        stop_request={"JobId": "$reply.JobId", "Reason": "$reason"},
    ),
    ("bedrock", "createModelCustomizationJob"): JobKind(
        service="bedrock", describe="getModelCustomizationJob", request={"JobIdentifier": "$reply.JobArn"},
        status="Status", done=_states("Completed"), failed=_states("Failed", "Stopped"),
        stop="stopModelCustomizationJob",
    ),
    ("codebuild", "startBuild"): _codebuild("Build"),
    ("codebuild", "startBuildBatch"): _codebuild("BuildBatch"),
    ("codebuild", "retryBuildBatch"): _codebuild("BuildBatch"),
    ("databrew", "startJobRun"): JobKind(
        service="databrew", describe="describeJobRun", request={"Name": "$parameters.Name", "RunId": "$reply.RunId"},
        status="State", done=_states("SUCCEEDED"), failed=_states("FAILED", "TIMEOUT", "STOPPED"), stop="stopJobRun",
    ),
    ("ecs", "runTask"): JobKind(
        service="ecs", describe="describeTasks",
        request={"Cluster": "$reply.Tasks.0.ClusterArn", "Tasks": ["$reply.Tasks.0.TaskArn"]},
        status=_ecs_status, done=_states("STOPPED"), failed=_states("FAILED"), shown="Tasks.0", stop="stopTask",
        stop_request={"Cluster": "$reply.Tasks.0.ClusterArn", "Task": "$reply.Tasks.0.TaskArn", "Reason": "$reason"},
    ),
    ("eks", "createCluster"): _eks("Cluster", _CLUSTER, True),
    ("eks", "deleteCluster"): _eks("Cluster", _CLUSTER, False),
    ("eks", "createFargateProfile"): _eks("FargateProfile", _PROFILE, True),
    ("eks", "deleteFargateProfile"): _eks("FargateProfile", _PROFILE, False),
    ("eks", "createNodegroup"): _eks("Nodegroup", _NODES, True),
    ("eks", "deleteNodegroup"): _eks("Nodegroup", _NODES, False),
    ("elasticmapreduce", "createCluster"): JobKind(
        service="emr", describe="describeCluster", request={"ClusterId": "$reply.ClusterId"},
        status="Cluster.Status.State", done=_states("WAITING", "TERMINATED"), failed=_states("TERMINATED_WITH_ERRORS"),
        stop="terminateJobFlows", stop_request={"JobFlowIds": ["$reply.ClusterId"]},
    ),
    ("elasticmapreduce", "terminateCluster"): JobKind(
        service="emr", describe="describeCluster", request={"ClusterId": "$parameters.ClusterId"},
        status="Cluster.Status.State", done=_states("TERMINATED", "TERMINATED_WITH_ERRORS"), failed=_states(),
    ),
    ("elasticmapreduce", "addStep"): JobKind(
        service="emr", describe="describeStep",
        request={"ClusterId": "$parameters.ClusterId", "StepId": "$reply.StepId"},
        status="Step.Status.State", done=_states("COMPLETED"), failed=_states("CANCELLED", "FAILED", "INTERRUPTED"),
        stop="cancelSteps", stop_request={"ClusterId": "$parameters.ClusterId", "StepIds": ["$reply.StepId"]},
    ),
    ("emr-containers", "startJobRun"): JobKind(
        service="emrcontainers", describe="describeJobRun",
        request={"Id": "$reply.Id", "VirtualClusterId": "$parameters.VirtualClusterId"},
        status="JobRun.State", done=_states("COMPLETED"), failed=_states("FAILED", "CANCELLED"), stop="cancelJobRun",
    ),
    ("emr-containers", "deleteVirtualCluster"): JobKind(
        service="emrcontainers", describe="describeVirtualCluster", request={"Id": "$parameters.Id"},
        status="VirtualCluster.State", done=_states("TERMINATED"), failed=_states("ARRESTED"),
        gone="ResourceNotFoundException",
    ),
    ("emr-serverless", "createApplication"): _application("CREATED", _states("TERMINATED"), "$reply.ApplicationId"),
    ("emr-serverless", "startApplication"): _application("STARTED", _states("STOPPED", "TERMINATED")),
    ("emr-serverless", "stopApplication"): _application("STOPPED", _states("TERMINATED")),
    ("emr-serverless", "deleteApplication"): _application("TERMINATED", _states()),
    ("emr-serverless", "startJobRun"): _serverless_run(
        "$reply.JobRunId", _states("SUCCESS"), _states("FAILED", "CANCELLED"), "cancelJobRun"
    ),
    ("emr-serverless", "cancelJobRun"): _serverless_run(
        "$parameters.JobRunId", _states("CANCELLED", "SUCCESS", "FAILED"), _states(), ""
    ),
    ("glue", "startJobRun"): JobKind(
        service="glue", describe="getJobRun",
        request={"JobName": "$parameters.JobName", "RunId": "$reply.JobRunId"},
        status="JobRun.JobRunState", done=_states("SUCCEEDED"), shown="JobRun",
        failed=_states("FAILED", "TIMEOUT", "ERROR", "STOPPED", "EXPIRED"), stop="batchStopJobRun",
        stop_request={"JobName": "$parameters.JobName", "JobRunIds": ["$reply.JobRunId"]},
    ),
    ("mediaconvert", "createJob"): JobKind(
        service="mediaconvert", describe="getJob", request={"Id": "$reply.Job.Id"}, status="Job.Status",
        done=_states("COMPLETE"), failed=_states("ERROR", "CANCELED"), stop="cancelJob",
    ),
    ("sagemaker", "createHyperParameterTuningJob"): _sagemaker("HyperParameterTuningJob"),
    ("sagemaker", "createLabelingJob"): _sagemaker("LabelingJob"),
    ("sagemaker", "createProcessingJob"): _sagemaker("ProcessingJob"),
    ("sagemaker", "createTrainingJob"): _sagemaker("TrainingJob"),
    ("sagemaker", "createTransformJob"): _sagemaker("TransformJob"),
}  # fmt: skip
"""By resource type and action. Source of the states: the services' own models in botocore."""


class Jobs:
    """Watches and stops what `.sync` tasks have started."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock

    async def watch(self, execution: str, command: WatchJob) -> Stimulus:
        """Wait for the end of a job, and give it as its task's outcome."""
        return await settle(command, self._clock, self._end(execution, command.job.value))

    async def _end(self, execution: str, job: Any) -> Json:
        kind = JOBS[job["type"], job["action"]]
        operation = find_operation(kind.service, kind.describe)
        assert operation is not None
        seconds = FIRST_SECONDS
        while True:
            await self._pause(seconds)
            seconds = min(seconds * BACKOFF, LONGEST_SECONDS)
            try:
                reply = await self._ask(execution, operation, job)
            except CallRefused as error:
                if error.code == kind.gone:
                    return {}
                raise TaskError(TASK_FAILED, f"{error.message} ({kind.describe}: {error.code})") from None
            if reply is not None and (ended := _ended(kind, reply.members)) is not None:
                return ended

    async def _ask(self, execution: str, operation: OperationModel, job: Any) -> Reply | None:
        """The job's description; None where the service cannot give it just now. Raises `CallRefused`."""
        try:
            return await self._calls.call(
                execution, operation, job["describe"], model_name, key="", role=job.get("role")
            )  # fmt: skip
        except CallRefused as error:
            if error.status < 500 and error.code not in _THROTTLED:
                raise
            log.warning("%s is asked again: %s", operation.name, error)
        except (CallFailed, NoEndpoint, BadParameters) as error:
            log.warning("%s is asked again: %s", operation.name, error)
        return None

    async def _pause(self, seconds: float) -> None:
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        handle = self._clock.call_at(self._clock.now() + seconds, lambda: _release(over))
        try:
            await over
        finally:
            handle.cancel()

    async def stop(self, execution: str, job: Payload) -> None:
        """Stop a job, once and as well as the service allows: AWS does no more either."""
        given: Any = job.value
        kind = JOBS[given["type"], given["action"]]
        operation = find_operation(kind.service, kind.stop) if kind.stop else None
        if operation is None:
            return
        try:
            await self._calls.call(execution, operation, given["stop"], model_name, key="", role=given.get("role"))
        except (CallRefused, CallFailed, NoEndpoint, BadParameters) as error:
            log.warning("%s failed for a job that nobody waits for: %s", operation.name, error)


def _release(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def _ended(kind: JobKind, described: Json) -> Json | None:
    """The result of a job that is done; None for one that is not. Raises `TaskError` for one that failed."""
    try:
        status = kind.status(described) if callable(kind.status) else _at(kind.status, described)
    except (KeyError, IndexError):
        return None  # not there yet: services find what they have just made a little later
    if status in kind.failed:
        raise TaskError(TASK_FAILED, encode(kind.result(described)))
    return kind.result(described) if status in kind.done else None
