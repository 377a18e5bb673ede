"""What a Task's Resource may name besides functions and activities: the service integrations of Step Functions.

Source: AWS's developer guide, "Integrating services with Step Functions", with the patterns that each action has.
"""

from collections.abc import Mapping

from stepwell.awsmodels.services import find_operation

SDK = "aws-sdk:"

_CALL = frozenset({""})
_TOKEN = frozenset({"", "waitForTaskToken"})
_SYNC = frozenset({"", "sync"})
_BOTH = _SYNC | _TOKEN

_OPTIMIZED: Mapping[str, Mapping[str, frozenset[str]]] = {
    "apigateway": {"invoke": _TOKEN},
    "athena": {
        "startQueryExecution": _SYNC,
        "stopQueryExecution": _CALL,
        "getQueryExecution": _CALL,
        "getQueryResults": _CALL,
    },
    "batch": {"submitJob": _SYNC},
    "bedrock": {"invokeModel": _TOKEN, "createModelCustomizationJob": _SYNC},
    "bedrockagentcore": {"invokeHarness": _CALL},
    "codebuild": {
        "startBuild": _SYNC,
        "stopBuild": _CALL,
        "batchDeleteBuilds": _CALL,
        "batchGetReports": _CALL,
        "startBuildBatch": _SYNC,
        "stopBuildBatch": _CALL,
        "retryBuildBatch": _SYNC,
        "deleteBuildBatch": _CALL,
    },
    "databrew": {"startJobRun": _SYNC},
    "dynamodb": {"getItem": _CALL, "putItem": _CALL, "updateItem": _CALL, "deleteItem": _CALL},
    "ecs": {"runTask": _BOTH},
    "eks": {
        "call": _CALL,
        "createCluster": _SYNC,
        "deleteCluster": _SYNC,
        "createFargateProfile": _SYNC,
        "deleteFargateProfile": _SYNC,
        "createNodegroup": _SYNC,
        "deleteNodegroup": _SYNC,
        "runJob": _BOTH,
    },
    "elasticmapreduce": {
        "createCluster": _SYNC,
        "terminateCluster": _SYNC,
        "addStep": _SYNC,
        "cancelStep": _CALL,
        "setClusterTerminationProtection": _CALL,
        "modifyInstanceFleetByName": _CALL,
        "modifyInstanceGroupByName": _CALL,
    },
    "emr-containers": {"createVirtualCluster": _CALL, "deleteVirtualCluster": _SYNC, "startJobRun": _SYNC},
    "emr-serverless": {
        "createApplication": _SYNC,
        "startApplication": _SYNC,
        "stopApplication": _SYNC,
        "deleteApplication": _SYNC,
        "startJobRun": _SYNC,
        "cancelJobRun": _SYNC,
    },
    "events": {"putEvents": _TOKEN},
    "glue": {"startJobRun": _SYNC},
    "http": {"invoke": _CALL},
    "lambda": {"invoke": _TOKEN},
    "mediaconvert": {"createJob": _SYNC},
    "sagemaker": {
        "createEndpoint": _CALL,
        "createEndpointConfig": _CALL,
        "createHyperParameterTuningJob": _SYNC,
        "createLabelingJob": _SYNC,
        "createModel": _CALL,
        "createProcessingJob": _SYNC,
        "createTrainingJob": _SYNC,
        "createTransformJob": _SYNC,
        "updateEndpoint": _CALL,
    },
    "sns": {"publish": _TOKEN},
    "sqs": {"sendMessage": _TOKEN},
    "states": {"startExecution": _BOTH | {"sync:2"}},
}


def is_integration(type: str, action: str, pattern: str) -> bool:
    """Whether Step Functions has it. `action` is without the pattern, `pattern` "" for request-response."""
    if not type.startswith(SDK):
        return pattern in _OPTIMIZED.get(type, {}).get(action, ())
    operation = find_operation(type.removeprefix(SDK), action)
    return pattern in _TOKEN and operation is not None and not operation.has_event_stream_output


def optimized() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Every optimized integration: service, then action, to its patterns."""
    return _OPTIMIZED
