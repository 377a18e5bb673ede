"""What a Distributed Map adds to a Map: its label, ItemReader, ItemBatcher and ResultWriter, each as one closure.

A closure gives the whole field with every value evaluated, so whoever reads, batches or writes sees plain JSON.
"""

import hashlib
import re
from collections.abc import Mapping

from stepwell.asl.fields import integer_at
from stepwell.asl.jsontext import Json
from stepwell.asl.program import Distributed
from stepwell.asl.scope import Evaluate
from stepwell.asl.site import Site

Fields = Mapping[str, Json]

_FITTING = re.compile(r"[A-Za-z0-9_-]{1,40}")
_BATCH_LIMITS = ("MaxItemsPerBatch", "MaxInputBytesPerBatch")


def compile_distributed(site: Site, state: Fields, processor: Fields) -> Distributed:
    """The distributed part of a Map whose ProcessorConfig says DISTRIBUTED."""
    return Distributed(
        label=_label(site, state),
        express=processor["ProcessorConfig"].get("ExecutionType") == "EXPRESS",
        reader=_reader(site, state),
        batcher=_batcher(site, state),
        writer=_writer(site, state),
    )


def _label(site: Site, state: Fields) -> str:
    """The Label, which is checked elsewhere; without one the state's name, or its hash where it does not fit an ARN."""
    if "Label" in state:
        return str(state["Label"])
    if _FITTING.fullmatch(site.name):
        return site.name
    return hashlib.blake2b(site.name.encode(), digest_size=16).hexdigest()


def _reader(site: Site, state: Fields) -> Evaluate | None:
    """{"Resource", "ReaderConfig", "Parameters"} of the ItemReader."""
    reader = state.get("ItemReader")
    if not isinstance(reader, dict):
        return None
    config = reader.get("ReaderConfig", {})
    return _gathered(
        Resource=lambda scope: reader.get("Resource"),
        ReaderConfig=_config(site, config, "MaxItems", "ItemReader/ReaderConfig"),
        Parameters=_template(site, reader, "Arguments" if site.jsonata else "Parameters", "ItemReader"),
    )


def _writer(site: Site, state: Fields) -> Evaluate | None:
    """{"Resource", "WriterConfig", "Parameters"} of the ResultWriter."""
    writer = state.get("ResultWriter")
    if not isinstance(writer, dict):
        return None
    return _gathered(
        Resource=lambda scope: writer.get("Resource"),
        WriterConfig=lambda scope: writer.get("WriterConfig", {}),
        Parameters=_template(site, writer, "Arguments" if site.jsonata else "Parameters", "ResultWriter"),
    )


def _batcher(site: Site, state: Fields) -> Evaluate | None:
    """{"MaxItemsPerBatch", "MaxInputBytesPerBatch", "BatchInput"} of the ItemBatcher, null where it has none."""
    batcher = state.get("ItemBatcher")
    if not isinstance(batcher, dict):
        return None
    limits = {field: _limit(site, batcher, field, f"ItemBatcher/{field}") for field in _BATCH_LIMITS}
    given = _template(site, batcher, "BatchInput", "ItemBatcher")
    return _gathered(**limits, BatchInput=given)


def _gathered(**parts: Evaluate | None) -> Evaluate:
    return lambda scope: {name: None if part is None else part(scope) for name, part in parts.items()}


def _template(site: Site, owner: Fields, field: str, at: str) -> Evaluate | None:
    return site.template(owner[field], f"{at}/{field}") if field in owner else None


def _config(site: Site, config: Json, limit: str, at: str) -> Evaluate | None:
    """A config whose only value that need not be a literal is `limit`."""
    if not isinstance(config, dict):
        return None
    literals = {name: value for name, value in config.items() if name not in (limit, f"{limit}Path")}
    evaluated = _limit(site, config, limit, f"{at}/{limit}")
    if evaluated is None:
        return lambda scope: literals
    return lambda scope: {**literals, limit: evaluated(scope)}


def _limit(site: Site, owner: Fields, field: str, at: str) -> Evaluate | None:
    """A number as literal, as `field`Path or as JSONata. Whether it makes sense is told by those who use it."""
    if f"{field}Path" in owner and not site.jsonata:
        reference = site.reference(owner[f"{field}Path"], f"{at}Path")
        return None if reference is None else lambda scope: integer_at(reference, scope, field)
    return site.template(owner[field], at) if field in owner else None
