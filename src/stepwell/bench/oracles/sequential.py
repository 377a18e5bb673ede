"""Objects that do one operation at a time, and what was recorded of a workload as operations on them."""

import math
from collections.abc import Iterable
from typing import Any

from stepwell.bench.history import READ, WRITE, Op
from stepwell.bench.oracles.linearizability import Model, Operation


def _apply_to_register(state: Any, kind: str, argument: Any) -> tuple[Any, Any]:
    match kind:
        case "read":
            return state, state
        case "write":
            return argument, None
        case "compare_and_set":
            expected, value = argument
            return (value, True) if state == expected else (state, False)
    raise ValueError(f"a register has no {kind}")


def _apply_to_value(state: str, kind: str, argument: Any) -> tuple[str, Any]:
    match kind:
        case "get":
            return state, state
        case "put":
            return argument, None
        case "append":
            return state + argument, None
    raise ValueError(f"a value has no {kind}")


def _apply_to_counter(state: int, kind: str, argument: Any) -> tuple[int, Any]:
    match kind:
        case "read":
            return state, state
        case "add":
            return state + argument, None
        case "add_and_get":
            return state + argument, state + argument
    raise ValueError(f"a counter has no {kind}")


def _observes_register(operation: Operation) -> bool:
    return operation.kind == "read" or (operation.kind == "compare_and_set" and operation.result is False)


REGISTER = Model(None, _apply_to_register, _observes_register)
"""read (the value), write(value), compare_and_set((expected, value)) (whether it was set). Begins as None."""

VALUE = Model("", _apply_to_value, lambda operation: operation.kind == "get")
"""What a key-value store holds under one key, a string: get (the string), put(string), append(string). Begins empty."""

COUNTER = Model(0, _apply_to_counter, lambda operation: operation.kind == "read")
"""read (the number), add(n), add_and_get(n) (the new number). Begins as 0."""


def counter_operations(history: Iterable[Op], key: str, final: int | None = None) -> list[Operation]:
    """The reads and writes of a record that each write is to raise by one, as operations on a `COUNTER`.

    A write says which number it makes, so an acknowledged one is an addition that was told its result: two that build
    on the same read have no order. A write of which nobody knows what became of it may have been an addition; a write
    that was refused and a read without an answer say nothing and are left out. `final` is the value when all was
    quiet, as a read after everything else.
    """
    ops = [op for op in history if op.key == key and op.kind in (READ, WRITE)]
    operations = [_counted(op) for op in ops if op.status == "ok" or (op.status == "info" and op.kind == WRITE)]
    if final is not None:
        last = max((op.returned_at or op.invoked_at for op in ops), default=0.0)
        # Later than all by the least step: what has the same time counts as concurrent.
        at = math.nextafter(last, math.inf)
        operations.append(Operation(id="final", key=key, kind="read", result=final, invoked_at=at, returned_at=at))
    return operations


def _counted(op: Op) -> Operation:
    kind, told = ("read", op.result) if op.kind == READ else ("add_and_get", op.argument)
    return Operation(
        id=op.id, key=op.key, kind=kind, argument=None if op.kind == READ else 1, result=(told or {}).get("value"),
        invoked_at=op.invoked_at, returned_at=op.returned_at if op.status == "ok" else None,
    )  # fmt: skip
