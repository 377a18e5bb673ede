import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.asl.errors import INTRINSIC_FAILURE, RUNTIME, StatesError
from stepwell.asl.intrinsics import IntrinsicSyntaxError, compile_intrinsic, is_intrinsic
from stepwell.asl.javaforms import JavaRandom, java_double, java_text

INPUT = {
    "name": "Ann",
    "n": 3,
    "half": 1.5,
    "nothing": None,
    "list": [1, 2, 2, 3, 1],
    "mixed": [1, True, 1.0, "1", [1], [True], [1], {"a": 1, "b": 0}, {"a": 1, "b": False}, {"b": 0, "a": 1}, None],
    "object": {"Arg1": 1, "Arg2": []},
    "template": "It's {}!",
    "json": '{"a": [1, 2.50, "x"]}',
    "braces": "{} and \\{",
    "a,b": {"(c)": 4},
}


@pytest.fixture
def call(scope):
    def evaluate(text, **variables):
        return compile_intrinsic(text).evaluate(scope(INPUT, {"Execution": {"Id": "arn:x"}}, **variables))

    return evaluate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("States.Format('Hello, {}', $.name)", "Hello, Ann"),
        ("States.Format('{}{}', 1, 'x')", "1x"),
        ("States.Format('plain')", "plain"),
        ("States.Format($.template, 'Pikachu')", "It's Pikachu!"),
        (r"States.Format('\{\} {} \' \\', $.name)", r"{} Ann ' " + "\\"),
        ("States.Format('{}', $.braces)", "{} and \\{"),
        ("States.Format('{}|{}|{}|{}', $.nothing, true, 1.5, $.n)", "null|true|1.5|3"),
        ("States.Format('{}', $.object)", "{Arg1=1, Arg2=[]}"),
        ("States.Format('{}', $.list)", "[1, 2, 2, 3, 1]"),
        ("States.Format('{}', 'a{b}')", "a{b}"),
        ("States.StringToJson($.json)", {"a": [1, 2.5, "x"]}),
        ("States.StringToJson('-0')", 0),
        ("States.StringToJson('')", None),
        ("States.JsonToString($.object)", '{"Arg1":1,"Arg2":[]}'),
        ("States.JsonToString('x')", '"x"'),
        ("States.Array()", []),
        ("States.Array($.n, null, 'x', -1.5e1, $.object)", [3, None, "x", -15.0, {"Arg1": 1, "Arg2": []}]),
        ("States.ArrayPartition($.list, 2)", [[1, 2], [2, 3], [1]]),
        ("States.ArrayPartition($.list, 9)", [[1, 2, 2, 3, 1]]),
        ("States.ArrayPartition(States.Array(), 2)", []),
        ("States.ArrayContains($.list, 3)", True),
        ("States.ArrayContains($.list, '3')", False),
        ("States.ArrayContains($.list, true)", False),
        ("States.ArrayContains(States.Array($.object), $.object)", True),
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayRange(0, 10, 3)", [0, 3, 6, 9]),
        ("States.ArrayRange(3, 1, -1)", [3, 2, 1]),
        ("States.ArrayRange(1, 0, 1)", []),
        ("States.ArrayGetItem($.list, 3)", 3),
        ("States.ArrayLength($.list)", 5),
        ("States.ArrayUnique($.list)", [1, 2, 3]),
        ("States.ArrayUnique($.mixed)", [1, True, "1", [1], [True], {"a": 1, "b": 0}, {"a": 1, "b": False}, None]),
        ("States.Base64Encode('Data to encode')", "RGF0YSB0byBlbmNvZGU="),
        ("States.Base64Decode('w7w=')", "ü"),
        ("States.Hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("States.Hash('input data', 'MD5')", "812f45842bc6d66ee14572ce20db8e86"),
        ("States.JsonMerge($.object, States.StringToJson('{\"Arg1\":2}'), false)", {"Arg1": 2, "Arg2": []}),
        ("States.MathAdd(-9, 3)", -6),
        ("States.MathAdd(1.49, 1.5)", 3),
        ("States.MathAdd(-1.49, -1.5)", -2),
        ("States.MathAdd(-2.5, 0)", -2),
        ("States.MathAdd(2.5, 0)", 3),
        ("States.StringSplit('1,2,3', ',')", ["1", "2", "3"]),
        ("States.StringSplit('This.is+a,test=string', '.+,=')", ["This", "is", "a", "test", "string"]),
        ("States.StringSplit(' , ', ',')", [" ", " "]),
        ("States.StringSplit(',,,,', ',')", []),
        ("States.StringSplit('Hello\nWorld', '\n')", ["Hello", "World"]),
        ("States.StringSplit('abc', '')", ["abc"]),
        ("States.ArrayGetItem(States.StringSplit($.name, 'n'), States.MathAdd(1, -1))", "A"),
        ("States.Format( '{}' , $$.Execution.Id )", "arn:x"),
        ("States.Array($['a,b']['(c)'], $v.x[0], $v)", [4, 1, {"x": [1]}]),
        ("States.Array($.list[?(@ == 2)])", [[2, 2]]),
        ("States.ArrayLength($.missing[*].x)", 0),
    ],
)
def test_value(call, text, value):
    result = call(text, v={"x": [1]})
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize("bits", ["SHA-256", "SHA-384", "SHA-512"])
def test_hashes(call, bits):
    name = bits.replace("-", "").lower()
    assert call(f"States.Hash($.name, '{bits}')") == hashlib.new(name, b"Ann").hexdigest()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("States.Format('{}')", "1 placeholders for 0"),
        ("States.Format('x', 1)", "0 placeholders for 1"),
        ("States.Format($.n)", "must be a string"),
        ("States.StringToJson('{')", "not JSON"),
        ("States.StringToJson($.n)", "must be a string"),
        ("States.ArrayPartition($.list, 0)", "positive"),
        ("States.ArrayPartition($.name, 1)", "must be an array"),
        ("States.ArrayRange(1, 5, 0)", "must not be zero"),
        ("States.ArrayRange(0, 1000, 1)", "more than 1000"),
        ("States.ArrayRange(0, 1e300, 1)", "more than 1000"),
        ("States.ArrayRange('a', 5, 1)", "must be a number"),
        ("States.ArrayGetItem($.list, 5)", "out of range"),
        ("States.ArrayGetItem($.list, -1)", "out of range"),
        ("States.ArrayLength($.object)", "must be an array"),
        ("States.Base64Decode('$')", "not valid base64"),
        ("States.Base64Decode('/w==')", "not valid base64"),
        ("States.Base64Encode($.long)", "longer than 10000"),
        ("States.Hash('x', 'sha-1')", "algorithm"),
        ("States.Hash('x', $.list)", "algorithm"),
        ("States.JsonMerge($.object, $.object, true)", "shallow"),
        ("States.JsonMerge($.object, $.list, false)", "must be objects"),
        ("States.MathAdd(true, 1)", "must be a number"),
        ("States.MathRandom(5, 5)", "greater"),
    ],
)
def test_failure(scope, text, reason):
    with pytest.raises(StatesError) as caught:
        compile_intrinsic(text).evaluate(scope(INPUT | {"long": "x" * 10_001}))
    assert caught.value.error == INTRINSIC_FAILURE
    assert caught.value.cause.startswith(f"The function '{text}' had the following error: ")
    assert reason in caught.value.cause


def test_a_failure_names_the_innermost_call(call):
    with pytest.raises(StatesError) as caught:
        call("States.Array(States.ArrayLength('x'))")
    assert caught.value.cause.startswith("The function 'States.ArrayLength('x')' had")


def test_a_missing_path(scope):
    with pytest.raises(StatesError) as caught:
        compile_intrinsic("States.Array($.no)").evaluate(scope({"a": 1}))
    assert caught.value.error == RUNTIME
    assert caught.value.cause == (
        "The function 'States.Array($.no)' had the following error: "
        "The JsonPath argument for the field '$.no' could not be found in the input '{\"a\":1}'"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "States.",
        "States.Nope()",
        "States.UUID",
        "States.UUID(",
        "States.UUID() x",
        "States.UUID(1)",
        "States.MathAdd(1)",
        "States.MathAdd(1, 2, 3)",
        "States.MathAdd(1 2)",
        "States.MathAdd(1,, 2)",
        "States.Array(,)",
        "States.Array(abc)",
        'States.Array("x")',
        "States.Array('x)",
        "States.Array($.a b)",
        "States.Array($.)",
        "States.Array(1e999)",
        "States.StringToJson('{\\\"a\\\"}')",
        "States.Format('\\n')",
        "States.Array(" * 11 + ")" * 11,
    ],
)
def test_syntax(text):
    with pytest.raises(IntrinsicSyntaxError):
        compile_intrinsic(text)


def test_ten_nested_calls_are_allowed(call):
    assert call("States.Array(" * 10 + "7" + ")" * 10) == [[[[[[[[[[7]]]]]]]]]]


def test_what_a_call_reads():
    intrinsic = compile_intrinsic("States.Array($a.x, States.Array($b), $.c, $$.Execution.Id)")
    assert intrinsic.variables == {"a", "b"}
    assert intrinsic.reads_context
    assert compile_intrinsic("States.Array($.a)").variables == frozenset()
    assert not compile_intrinsic("States.Array($.a)").reads_context


def test_is_intrinsic():
    assert is_intrinsic("States.UUID()")
    assert not is_intrinsic("$.States.UUID")


def test_uuid(scope):
    one = scope()
    uuid = compile_intrinsic("States.UUID()")
    first, second = uuid.evaluate(one), uuid.evaluate(one)
    assert first != second
    for value in (first, second):
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", value)
    assert uuid.evaluate(scope()) == first


@pytest.mark.parametrize("call", ["States.ArrayUnique($.list)", "States.StringSplit($.text, $.separators)"])
def test_the_work_grows_as_the_input_does(scope, call):
    """Compared each with each, these would take many minutes."""
    separators = "".join(map(chr, range(0x4E00, 0x4E00 + 20_000)))
    one = scope({"list": list(range(100_000)), "text": "b" * 100_000, "separators": separators})
    assert compile_intrinsic(call).evaluate(one) in (one.input["list"], [one.input["text"]])


def test_random_numbers_stay_in_range(scope):
    one = scope({"a": 12.5, "b": 44.51})
    random = compile_intrinsic("States.MathRandom($.a, $.b)")
    values = {random.evaluate(one) for _ in range(200)}
    assert values <= set(range(13, 45))
    assert len(values) > 10


def test_seeded_random_numbers_do_not_draw(scope):
    one = scope()
    random = compile_intrinsic("States.MathRandom(-5, 994, 3)")
    assert random.evaluate(one) == random.evaluate(one)
    assert one.draws.count == 0


def test_java_random():
    # The first values that java.util.Random gives for seed 42.
    assert JavaRandom(42).next_double() == 0.7275636800328681
    generator = JavaRandom(42)
    assert [generator.next_int(10) for _ in range(6)] == [0, 3, 8, 4, 0, 5]
    generator = JavaRandom(42)
    assert [generator.next_int(16) for _ in range(3)] == [11, 0, 10]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0"),
        (0.001, "0.001"),
        (0.00015, "1.5E-4"),
        (9999999.5, "9999999.5"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (-1e22, "-1.0E22"),
        (1.5e300, "1.5E300"),
    ],
)
def test_java_doubles(value, text):
    assert java_double(value) == text


def test_java_text():
    assert java_text({"a": None, "b": [True, "x", {"c": 1.0}]}) == "{a=null, b=[true, x, {c=1.0}]}"


_PIECES = st.sampled_from(
    [
        "States.",
        "Format",
        "Array",
        "MathAdd",
        "StringToJson",
        "Hash",
        "ArrayRange",
        "JsonMerge",
        "States.Array(",
        "(",
        ")",
        ",",
        "'x'",
        "'{}'",
        "'MD5'",
        "'",
        "\\\\",
        " ",
        "1",
        "-2.5",
        "true",
        "null",
        "$.a",
        "$",
        "$$.b",
        "$v",
        "[0]",
        "[?(@.a)]",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=9).map("".join) | st.text(max_size=20))
def test_nothing_but_its_own_errors(scope, text):
    try:
        intrinsic = compile_intrinsic(text)
    except IntrinsicSyntaxError:
        return
    try:
        intrinsic.evaluate(scope({"a": [1, {"x": 2}]}, {"b": "c"}, v=3))
    except StatesError as error:
        assert error.error in (INTRINSIC_FAILURE, RUNTIME)


_ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        [
            "StringToJson:1",
            "JsonToString:1",
            "ArrayPartition:2",
            "ArrayContains:2",
            "ArrayRange:3",
            "ArrayGetItem:2",
            "ArrayLength:1",
            "ArrayUnique:1",
            "Base64Encode:1",
            "Base64Decode:1",
            "Hash:2",
            "JsonMerge:3",
            "MathRandom:2",
            "MathRandom:3",
            "MathAdd:2",
            "StringSplit:2",
            "Format:1",
            "Format:3",
            "Array:2",
        ]
    ),
    st.lists(_ARGUMENTS, min_size=3, max_size=3),
)
def test_any_arguments_give_a_value_or_a_failure(scope, function, arguments):
    name, count = function.split(":")
    paths = ", ".join(f"$.a[{index}]" for index in range(int(count)))
    try:
        compile_intrinsic(f"States.{name}({paths})").evaluate(scope({"a": arguments}))
    except StatesError as error:
        assert error.error == INTRINSIC_FAILURE


def test_format_bounds_its_result_before_it_is_made(scope):
    text = "x" * 240_000
    call = compile_intrinsic("States.Format('" + "{}" * 200 + "'" + ", $.s" * 200 + ")")
    with pytest.raises(StatesError, match="more than 16777216 characters"):
        call.evaluate(scope({"s": text}))
