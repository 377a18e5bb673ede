"""The HTTP metadata that AWS's SDK puts beside the result of an optimized integration."""

from collections.abc import Mapping
from email.utils import formatdate

from stepwell.asl.jsontext import Json


def sdk_metadata(
    request_id: str, length: int, content_type: str, at: float, extra: Mapping[str, str], connection: str = "connection"
) -> dict[str, Json]:
    """SdkHttpMetadata and SdkResponseMetadata as recorded from AWS: `HttpHeaders` flat, `AllHttpHeaders` as lists."""
    headers = {
        **extra,
        connection: "keep-alive",
        "Content-Length": str(length),
        "Content-Type": content_type,
        "Date": formatdate(at, usegmt=True),
        "x-amzn-RequestId": request_id,
    }
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }
