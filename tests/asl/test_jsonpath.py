import json
from pathlib import Path as File

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.asl.errors import StatesError
from stepwell.asl.jsonpath import PathError, PathSyntaxError, compile_path

_DATA = json.loads((File(__file__).parent.parent / "data" / "jsonpath-vectors.json").read_text())


def _java_hash(text: str) -> int:
    units = text.encode("utf-16-be")
    value = 0
    for index in range(0, len(units), 2):
        value = (value * 31 + int.from_bytes(units[index : index + 2], "big")) & 0xFFFFFFFF
    return value ^ (value >> 16)


def _as_java_orders(value):
    """The vectors were read from java.util.HashMap, whose order of members shows in `$.*` and `$..x`."""
    if isinstance(value, list):
        return [_as_java_orders(item) for item in value]
    if not isinstance(value, dict):
        return value
    buckets = 16
    while len(value) > buckets * 0.75:
        buckets *= 2
    return {key: _as_java_orders(value[key]) for key in sorted(value, key=lambda key: _java_hash(key) % buckets)}


DOCUMENTS = {name: _as_java_orders(document) for name, document in _DATA["docs"].items()}


@pytest.mark.parametrize("vector", _DATA["vectors"], ids=lambda vector: f"{vector['doc']} {vector['path']}")
def test_vector(vector):
    if "cerror" in vector:
        with pytest.raises(PathSyntaxError) as caught:
            compile_path(vector["path"])
        assert str(caught.value) == vector["msg"]
        return
    path = compile_path(vector["path"])
    assert path.definite == vector["definite"]
    document = DOCUMENTS[vector["doc"]]
    if "error" in vector:
        with pytest.raises(PathError) as caught:
            path.read(document)
        assert str(caught.value) == vector["msg"]
    else:
        # Compared as text: 1, 1.0 and true are different values.
        assert json.dumps(path.read(document), sort_keys=True) == json.dumps(vector["value"], sort_keys=True)


def test_all_vectors_are_here():
    assert len(_DATA["vectors"]) == 282


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("$", ()),
        ("$.a.b", ("a", "b")),
        ("$['a'][\"b c\"]", ("a", "b c")),
        ("$.a[0][-1]", ("a", 0, -1)),
        ("$.detail-type", ("detail-type",)),
        ("$.['a'].[2].b", ("a", 2, "b")),
        ("$.a[*]", None),
        ("$.a[0,1]", None),
        ("$['a','b']", None),
        ("$..a", None),
        ("$.a.length()", None),
    ],
)
def test_keys(text, keys):
    assert compile_path(text).keys == keys


@pytest.mark.parametrize(
    ("text", "document", "value"),
    [
        ("$['it\\'s']", {"it's": 1}, 1),
        # Recorded on AWS: in single quotes a backslash before a double quote is part of the name.
        ('$[\'Test\\""Name"\']', {'Test\\""Name"': 2}, 2),
        ("$.a.b[?(@.c == 1)]", {"a": {"b": {"c": 1}}}, [{"c": 1}]),
        ("$.a[?(@.x == true)].y", {"a": [{"x": 1, "y": 1}, {"x": True, "y": 2}]}, [2]),
        ("$.a[?(@.x === '1')].x", {"a": [{"x": 1}, {"x": "1"}]}, ["1"]),
        ("$.a[?(@.x !== '1')].x", {"a": [{"x": 1}, {"x": "1"}]}, [1]),
        ("$.a[?(@.x all ['p', 'q'])].x", {"a": [{"x": ["p", "q", "r"]}, {"x": ["p"]}]}, [["p", "q", "r"]]),
        ("$.a[?(@.x == {'k': [1, null]})].y", {"a": [{"x": {"k": [1, None]}, "y": 7}]}, [7]),
        ("$.a[?(@.x in 5)]", {"a": [{"x": 5}]}, []),
        ("$.a[?(!(@.x in 5))]", {"a": [{"x": 5}]}, []),
        ("$.a[?(@.x < 1.5e1)].x", {"a": [{"x": 14}, {"x": 15}]}, [14]),
        ("$.a[?(@['x)'] == 1)]", {"a": [{"x)": 1}]}, [{"x)": 1}]),
        ("$.a[?(/b+/ =~ @.x)].x", {"a": [{"x": "bb"}, {"x": "abb"}]}, ["bb"]),
        ("$.a[?(@.b[*].c)]", {"a": [{"b": [{"c": 1}, {}]}, {"b": [{"c": 1}]}]}, [{"b": [{"c": 1}]}]),
        ("$.a[-2:5]", {"a": [1, 2, 3]}, [2, 3, 1, 2, 3]),
        ("$.a[1:-1]", {"a": [1, 2, 3]}, []),
        ("$.a[:-5]", {"a": [1, 2, 3]}, []),
        ("$.a[-5:]", {"a": [1, 2, 3]}, [1, 2, 3]),
        ("$.a.first().b", {"a": [{"b": 4}]}, 4),
    ],
)
def test_beyond_the_vectors(text, document, value):
    assert compile_path(text).read(document) == value


@pytest.mark.parametrize(
    ("text", "document", "message"),
    [
        ("$.a[0]", {"a": None}, "The path $['a'] is null"),
        (
            "$.n[?(@.x)]",
            {"n": 5},
            "Filter: [?] can not be applied to primitives. Current context is: 5",
        ),
        ("$.a[0]", {"a": True}, "Filter: [0] can only be applied to arrays. Current context is: true"),
        ("$.a.index(7)", {"a": [1]}, "Target index:7 larger than object count:1"),
        ("$.a.sum()", {"a": []}, "Aggregation function attempted to calculate value using empty array"),
    ],
)
def test_failures_beyond_the_vectors(text, document, message):
    with pytest.raises(PathError) as caught:
        compile_path(text).read(document)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "java_class"),
    [(True, "Boolean"), (1, "Integer"), (2**31, "Long"), (-(2**31), "Integer"), (1.5, "Double")],
)
def test_the_class_in_a_message(value, java_class):
    with pytest.raises(PathError, match=rf"but found 'java\.lang\.{java_class}'"):
        compile_path("$.a.b").read({"a": value})


def test_missing_parent_is_told_from_a_missing_leaf():
    path = compile_path("$.a.b")
    with pytest.raises(PathError) as inner:
        path.read({})
    with pytest.raises(PathError) as leaf:
        path.read({"a": {}})
    assert inner.value.missing_parent
    assert not leaf.value.missing_parent


def test_barewords_are_strings_only_on_demand():
    text = "$.Labels[?(@.Name==Receipt)]"
    assert compile_path(text, barewords=True).read(DOCUMENTS["misc"]) == [{"Name": "Receipt"}]
    with pytest.raises(PathSyntaxError):
        compile_path(text)


def test_a_deep_document_is_scanned():
    document: dict = {}
    for _ in range(5_000):
        document = {"a": document}
    assert len(compile_path("$..a").read(document)) == 5_000


def test_deeply_nested_filters_are_refused():
    with pytest.raises(PathSyntaxError, match="nested too deep"):
        compile_path("$.a[?(" + "(" * 5_000 + "@.a" + ")" * 5_000 + ")]")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)
_PIECES = st.sampled_from(
    [
        *(
            "$",
            "@",
            ".",
            "..",
            "*",
            "[*]",
            "a",
            "b",
            "['a']",
            "['a','b']",
            "[0]",
            "[-1]",
            "[0,1]",
            "[1:]",
            "[:-1]",
            "[0:2]",
        ),
        *("[?(@.a)]", "[?(!@.a)]", "[?(@.a == 1)]", "[?(@.a in ['x'])]", "[?(@ =~ /a+/i)]", "[?(@.a size 1 || @.b)]"),
        *("[?(@.a == $.b && @..c)]", ".length()", ".sum()", ".keys()", ".max($.a)", ".index(1)", ".last()", "[", "]"),
        *("(", ")", "'", '"', "\\", "?", " ", "/", "!", "=", "<", "&&", "1", "-", "{", "}", ":", ",", "²"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_PIECES, max_size=7).map("".join) | st.text(max_size=20), _JSON)
def test_nothing_but_its_own_errors(text, document):
    try:
        path = compile_path(text)
    except PathSyntaxError:
        return
    try:
        value = path.read(document)
    except PathError:
        return
    assert path.definite or isinstance(value, list)


def _walk(document, keys):
    """What a chain of names and indexes means, or None when it leads nowhere."""
    found = [document]
    for key in keys:
        value = found.pop()
        named = isinstance(key, str) and isinstance(value, dict) and key in value
        indexed = isinstance(key, int) and isinstance(value, list) and -len(value) <= key < len(value)
        if not (named or indexed):
            return None
        found.append(value[key])
    return found


@given(st.lists(st.sampled_from(["a", "b", 0, 1, -1]), min_size=1, max_size=4), _JSON)
def test_a_definite_path_is_a_walk(keys, document):
    path = compile_path("$" + "".join(f"['{key}']" if isinstance(key, str) else f"[{key}]" for key in keys))
    assert path.keys == tuple(keys)
    found = _walk(document, keys)
    if found is None:
        with pytest.raises(PathError):
            path.read(document)
    else:
        assert path.read(document) is found[0]


def test_an_exponential_pattern_is_given_up():
    path = compile_path("$.a[?(@.s =~ /(a|aa)+c?b/)]")
    with pytest.raises(StatesError, match="takes more than"):
        path.read({"a": [{"s": "a" * 60 + "c"}]})


def test_a_path_that_multiplies_its_matches_is_given_up():
    document: object = 1
    for _ in range(120):
        document = {"a": document}
    with pytest.raises(StatesError, match="matches more than 1000000 values"):
        compile_path("$..*..*..*..*").read(document)
