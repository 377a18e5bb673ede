import pytest

from stepwell.asl.reference import PathError, PathSyntaxError, compile_reference


@pytest.fixture(scope="module")
def filled(scope):
    return scope({"a": {"b": [1, 2]}}, {"Execution": {"Id": "arn"}}, order={"id": 7}, n=None)


@pytest.mark.parametrize(
    ("text", "value", "variable", "reads_context", "keys"),
    [
        ("$", {"a": {"b": [1, 2]}}, None, False, ()),
        ("$.a.b[1]", 2, None, False, ("a", "b", 1)),
        ("$['a']['b']", [1, 2], None, False, ("a", "b")),
        ("$.a.b[*]", [1, 2], None, False, None),
        ("$$", {"Execution": {"Id": "arn"}}, None, True, ()),
        ("$$.Execution.Id", "arn", None, True, ("Execution", "Id")),
        ("$$['Execution'].Id", "arn", None, True, ("Execution", "Id")),
        ("$order", {"id": 7}, "order", False, ()),
        ("$order.id", 7, "order", False, ("id",)),
        ("$order['id']", 7, "order", False, ("id",)),
        ("$n", None, "n", False, ()),
    ],
)
def test_read(filled, text, value, variable, reads_context, keys):
    reference = compile_reference(text)
    assert reference.read(filled) == value
    assert (reference.variable, reference.reads_context, reference.keys) == (variable, reads_context, keys)
    assert reference.text == text


@pytest.mark.parametrize("text", ["$", "$$", "$v"])
def test_a_whole_document_is_handed_on_even_null(scope, text):
    assert compile_reference(text).read(scope(None, None, v=None)) in (None, {})


def test_values_are_shared(scope):
    document = {"a": [1]}
    assert compile_reference("$.a").read(scope(document)) is document["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$.x", "No results for path: $['x']"),
        ("$.no.such", "Missing property in path $['no']"),
        ("$$.Execution.x", "No results for path: $['Execution']['x']"),
        ("$nope.a", "No results for path: $['nope']"),
        ("$order.x", "No results for path: $['x']"),
    ],
)
def test_a_miss(filled, text, message):
    with pytest.raises(PathError) as caught:
        compile_reference(text).read(filled)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["", "a.b", "@.a", "$.", "$a b", " $.a", "$..", "$1x", "$.a[0"])
def test_no_path(text):
    with pytest.raises(PathSyntaxError):
        compile_reference(text)


@pytest.mark.parametrize(
    "text", ["$.items[*]", "$.items[*].id", "$.item.items[1:]", "$.item.items[1:5].id", "$.x[?(@.a == 1)]", "$v.a[*]"]
)
def test_a_template_reads_an_indefinite_path_without_parent_as_nothing(scope, text):
    reference = compile_reference(text)
    assert reference.read_lenient(scope({}, v={})) == []
    with pytest.raises(PathError):
        reference.read(scope({}, v={}))


@pytest.mark.parametrize("text", ["$.items[0]", "$.items", "$.a.b", "$[1:]", "$[:1]", "$v.x"])
def test_a_template_still_fails_on_other_misses(scope, text):
    with pytest.raises(PathError):
        compile_reference(text).read_lenient(scope({}, v={}))


def test_barewords_in_filters_are_accepted_as_on_aws(scope):
    document = {"Labels": [{"Name": "Receipt"}, {"Name": "Other"}]}
    assert compile_reference("$.Labels[?(@.Name==Receipt)]").read(scope(document)) == [{"Name": "Receipt"}]
