"""What is said of JSON that does not parse."""

import pytest

from stepwell.api.jackson import describe_error

UNEXPECTED = "com.fasterxml.jackson.core.JsonParseException: Unexpected character"
PARSE = "com.fasterxml.jackson.core.JsonParseException: "
EOF = "com.fasterxml.jackson.core.io.JsonEOFException: "
COLON = "a colon to separate field name and value"
QUOTE = "double-quote to start field name"
VALUE = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"

CASES = [
    ("", "com.fasterxml.jackson.databind.exc.MismatchedInputException: No content to map due to end-of-input", 1, 0),
    ("not json", f"{PARSE}Unrecognized token 'not': was expecting ({VALUE})", 1, 4),
    ("[1] x", f"{PARSE}Unrecognized token 'x': was expecting ({VALUE})", 1, 6),
    ("{'a': 1}", f"{UNEXPECTED} (''' (code 39)): was expecting {QUOTE}", 1, 3),
    ('{"a":1,}', f"{UNEXPECTED} ('}}' (code 125)): was expecting {QUOTE}", 1, 9),
    ('{"a" 1}', f"{UNEXPECTED} ('1' (code 49)): was expecting {COLON}", 1, 7),
    ("[1 2]", f"{UNEXPECTED} ('2' (code 50)): was expecting comma to separate Array entries", 1, 5),
    ('{"a":[1] "b"}', f"{UNEXPECTED} ('\"' (code 34)): was expecting comma to separate Object entries", 1, 11),
    ("[,]", f"{UNEXPECTED} (',' (code 44)): expected a valid value ({VALUE})", 1, 3),
    ("{", f"{EOF}Unexpected end-of-input: expected close marker for Object", 1, 2),
    ('{"a":["]"', f"{EOF}Unexpected end-of-input: expected close marker for Array", 1, 10),
    ('["a', f"{EOF}Unexpected end-of-input: was expecting closing quote for a string value", 1, 4),
    ("{\n  x}", f"{UNEXPECTED} ('x' (code 120)): was expecting {QUOTE}", 2, 4),
    ("[" * 200_000, f"{PARSE}Document nesting depth exceeds the maximum allowed", 1, 1),
    ("NaN", f"{PARSE}Invalid numeric value or escape", 1, 1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence", "line", "column"), CASES)
def test_sentences(text: str, sentence: str, line: int, column: int) -> None:
    said, _, place = describe_error(text).rpartition("\n at [Source: (String)")
    assert said == sentence
    assert place.endswith(f"; line: {line}, column: {column}]")


def test_a_long_source_is_cut() -> None:
    assert describe_error("x" * 600).endswith("[truncated 100 chars]; line: 1, column: 601]")
