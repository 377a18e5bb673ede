"""Filter patterns of CloudWatch Logs."""

import re
import time

import pytest

from stepwell.logs.patterns import InvalidPattern, compile_filter

EVENT = '{"type": "TaskFailed", "n": 4, "ok": true, "no": null, "details": {"name": "Pay", "tags": ["a", {"b": 7}]}}'


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("", ["", "anything"], []),
        ("ERROR", ["an ERROR here", "ERRORS"], ["error", ""]),
        ("one two", ["two, then one"], ["one", "two"]),
        ('"one two" three', ["three one two"], ["two one three"]),
        ("?one ?two", ["one", "two"], ["three"]),
        ("one ?two", ["one"], ["two"]),
        ("one -two", ["one"], ["one two", "three"]),
        (r'"say \"hi\""', ['they say "hi"'], ["they say hi"]),
        ('-"REPORT RequestId"', ["END RequestId: 1"], ["REPORT RequestId: 1"]),
    ],
)
def test_terms(pattern: str, matching: list[str], others: list[str]) -> None:
    matches = compile_filter(pattern)
    assert [matches(text) for text in matching + others] == [True] * len(matching) + [False] * len(others)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.type = "TaskFailed" }', True),
        ("{ $.type = TaskFailed }", True),
        ("{$.type=Task*}", True),
        ("{ $.type = *a*k*led }", True),
        ("{ $.type = *kTask* }", False),
        ("{ $.type = Task*TaskFailed }", False),
        ("{ $.type != TaskFailed }", False),
        ("{ $.gone != TaskFailed }", False),
        ("{ $.n = 4.0 }", True),
        ('{ $.n = "4" }', False),
        ("{ $.n > 3 && $.n <= 4 }", True),
        ("{ $.n < 4 || $.n >= 5 }", False),
        ("{ $.n = 9 && $.n = 9 || $.n = 4 }", True),
        ("{ $.n = 9 && ($.n = 9 || $.n = 4) }", False),
        ("{ $.type > 3 }", False),
        ("{ $.ok > 0 }", False),
        ("{ $.ok IS TRUE }", True),
        ("{ $.no is null }", True),
        ("{ $.gone IS NULL }", False),
        ("{ $.gone NOT EXISTS }", True),
        ("{ $.no NOT EXISTS }", False),
        ('{ $.details.name = Pay && $["details"].tags[1].b = 7 }', True),
        ("{ $.details.tags[2] NOT EXISTS && $.details.name[0] NOT EXISTS && $.n.x NOT EXISTS }", True),
    ],
)
def test_json(pattern: str, expected: bool) -> None:
    assert compile_filter(pattern)(EVENT) is expected


@pytest.mark.parametrize("message", ["", "TaskFailed", "[1]", '{"type": ', "[" * 5000])
def test_a_message_that_is_no_object_matches_no_json(message: str) -> None:
    assert not compile_filter("{ $.type NOT EXISTS }")(message)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("RequestId:", "in term 'RequestId:'"),
        ('"open', "in term"),
        ("[ip, user]", "space-delimited"),
        ("{ $.a = 1", "ends with '}'"),
        ("{ }", "too early"),
        ("{ $.a }", "too early"),
        ("{ $.a = }", "too early"),
        ("{ $.a = 1 $.b = 2 }", "'$.b' is not expected"),
        ("{ a = 1 }", "not 'a'"),
        ("{ $.a > x }", "numbers"),
        ("{ $.a IS NICE }", "'IS NICE' is no comparison"),
        ("{ $.a = %x+% }", "regular expressions"),
        ("{ ($.a = 1 }", "not closed"),
        ("{ $.a = = }", "a value is expected"),
        ("{" + "(" * 500 + "$.a=1" + ")" * 500 + "}", "nested more than 50 deep"),
        ("{ $.a = ~\\ & }", "cannot be read"),
    ],
)
def test_what_is_no_pattern(pattern: str, reason: str) -> None:
    with pytest.raises(InvalidPattern, match=re.escape(reason)):
        compile_filter(pattern)


def test_a_hostile_wildcard_takes_linear_time() -> None:
    matches = compile_filter("{ $.a = " + "x*" * 300 + "y }")
    started = time.perf_counter()
    assert not matches('{"a": "' + "x" * 500_000 + '"}')
    assert time.perf_counter() - started < 1.0
