"""The JSON that the pages read, as JSON Schema: what the pages' TypeScript is made of."""

from typing import Any

import msgspec

from stepwell.api.console.app import READS, STREAMED


def schema() -> dict[str, Any]:
    """One document with a definition for every type. All members are required: replies leave none out."""
    types = sorted({read.reply for read in READS.values()} | set(STREAMED), key=lambda type: type.__name__)
    _, components = msgspec.json.schema_components(types, ref_template="#/definitions/{name}")
    for component in components.values():
        component["required"] = sorted(component.get("properties", {}))
        component["additionalProperties"] = False
        for member in component.get("properties", {}).values():
            member.pop("default", None)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Replies",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"$ref": f"#/definitions/{name}"} for name in sorted(components)},
        "definitions": dict(sorted(components.items())),
    }
