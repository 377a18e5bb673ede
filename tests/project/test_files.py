"""Files of a project as a hostile author would write them, and as an honest one does."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.project.files import MAX_DEPTH, MAX_TEXT_BYTES, inside, parse_json, parse_yaml, read_text, source_files
from stepwell.project.intrinsics import short_tag
from stepwell.project.plan import ProjectError

FILE = Path("template.yaml")

YAML_VALUES = {
    "a: 1": {"a": 1},
    "a: 2012-10-17": {"a": "2012-10-17"},
    "a: 2024-01-01T00:00:00Z": {"a": "2024-01-01T00:00:00Z"},
    "a: yes": {"a": True},
    "200: ok": {"200": "ok"},
    "true: ok": {"true": "ok"},
    "a: ${b}": {"a": "${b}"},
    "a: !Ref b": {"a": {"Ref": "b"}},
    "a: !GetAtt b.c.d": {"a": {"Fn::GetAtt": ["b", "c.d"]}},
    "a: !GetAtt [b, c]": {"a": {"Fn::GetAtt": ["b", "c"]}},
    "a: !Sub '${b}'": {"a": {"Fn::Sub": "${b}"}},
    "a: !Join ['-', [!Ref b, c]]": {"a": {"Fn::Join": ["-", [{"Ref": "b"}, "c"]]}},
    "a: !If [c, {x: !Ref y}, 2]": {"a": {"Fn::If": ["c", {"x": {"Ref": "y"}}, 2]}},
    "a: !Condition c": {"a": {"Condition": "c"}},
    "a: &x {k: 1}\nb: *x": {"a": {"k": 1}, "b": {"k": 1}},
    "a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}": {"a": {"k": 1, "l": 2}, "b": {"k": 1, "l": 3}},
    "a: &x {k: 1}\nb: &y {<<: *x, k: 2}\nc: {<<: *y}": {"a": {"k": 1}, "b": {"k": 2}, "c": {"k": 2}},
}

BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
MERGE_BOMB = "a0: &a0 {k: v}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 12)
)

YAML_ERRORS = {
    "": "is empty",
    "a: [": "is not YAML",
    "a: b: c": "template.yaml:1: is not YAML",
    "a: 1\nb: !Evil x": "template.yaml:2: is not YAML that AWS takes: unknown tag !Evil",
    "a: !!python/object/apply:os.system [id]": "could not determine a constructor",
    "a: !!binary aGk=": "could not determine a constructor",
    "a: .inf": ".inf is not a JSON number",
    "a: .nan": ".nan is not a JSON number",
    "a: 1\nb: 2\na: 3": "template.yaml:3: is not YAML that AWS takes: the key a is twice",
    "a: &x [*x]": "an alias that contains itself",
    "a: &x {b: *x}": "an alias that contains itself",
    "? [a, b]\n: c": "unhashable key",
    "a: 1\n---\nb: 2": "found another document",
    "[" * (MAX_DEPTH + 1): "nested more than 100 deep",
    "[" * 500_000: "nested more than 100 deep",
    "a:\x00": "is not YAML",
    BOMB: "stands for more than 200,000 values",
    MERGE_BOMB: "stands for more than 200,000 values",
}


@pytest.mark.parametrize("text", YAML_VALUES)
def test_yaml_values(text: str) -> None:
    assert parse_yaml(text, FILE, short_tag).value == YAML_VALUES[text]


@pytest.mark.parametrize("text", YAML_ERRORS, ids=lambda text: text[:20])
def test_yaml_errors(text: str) -> None:
    with pytest.raises(ProjectError) as caught:
        parse_yaml(text, FILE, short_tag)
    assert YAML_ERRORS[text] in str(caught.value)


def test_definitions_have_no_tags() -> None:
    with pytest.raises(ProjectError, match="unknown tag !Ref"):
        parse_yaml("a: !Ref b", FILE)


def test_lines() -> None:
    document = parse_yaml("Resources:\n  A:\n    Properties:\n      Handler: x\n", FILE)
    assert document.line("Resources", "A", "Properties", "Handler") == 4
    assert document.line("Resources", "A", "Properties", "Missing") == 3
    assert document.line("Else") is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"a": 1', "template.yaml:1: is not JSON: Expecting ',' delimiter at column 8"),
        ('{\n"a": }', "template.yaml:2: is not JSON: Expecting value at column 6"),
        ('{"a": NaN}', "NaN is not a JSON value"),
        ('{"a": -Infinity}', "-Infinity is not a JSON value"),
        ("[" * 200_000, "nested too deeply"),
        ("1" * 10_000, "is not JSON that AWS takes"),
    ],
)
def test_json_errors(text: str, error: str) -> None:
    with pytest.raises(ProjectError) as caught:
        parse_json(text, FILE)
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"x" * (MAX_TEXT_BYTES + 1), "more than 1,048,576 bytes"),
        (b"ab\xff", "is not UTF-8 text: byte 2 is 0xff"),
    ],
)
def test_unreadable_files(tmp_path: Path, data: bytes, error: str) -> None:
    (tmp_path / "f").write_bytes(data)
    with pytest.raises(ProjectError, match=error):
        read_text(tmp_path / "f")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="cannot be read"):
        read_text(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a link that leaves it and one that does not, beside a secret."""
    (tmp_path / "secret.py").write_text("secret")
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "app.py").write_text("x = 1")
    (root / "out").symlink_to(tmp_path)
    (root / "in").symlink_to(root / "src")
    (root / "loop").symlink_to(root / "loop")
    return root


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("..", "outside the project's folder"),
        ("../../etc", "outside the project's folder"),
        ("/etc/passwd", "outside the project's folder"),
        ("src/../../secret.py", "outside the project's folder"),
        ("out", "outside the project's folder"),
        ("out/secret.py", "outside the project's folder"),
        ("missing", "does not exist"),
        ("s3://bucket/key", "give the path of a local file"),
        ("https://example.com/x.zip", "give the path of a local file"),
        ("a\0b", "is not a path"),
        ("loop", "is"),
        ("x" * 5000, "is"),
    ],
)
def test_paths_refused(folder: Path, name: str, error: str) -> None:
    with pytest.raises(ProjectError) as caught:
        inside(folder, name, "CodeUri", folder / "template.yaml", 7)
    assert error in str(caught.value)
    assert str(caught.value).startswith(f"{folder}/template.yaml:7: CodeUri is ")


@pytest.mark.parametrize("name", ["src", "src/", "./src", "in", "src/../src"])
def test_paths_inside(folder: Path, name: str) -> None:
    assert inside(folder, name, "CodeUri", folder / "template.yaml") == folder / "src"


def test_source_files_leave_out_what_is_not_code(folder: Path) -> None:
    for name in (".git/config", ".venv/bin/python", "__pycache__/app.pyc", ".aws-sam/build/x", "package/data.json"):
        (folder / "src" / name).parent.mkdir(parents=True)
        (folder / "src" / name).write_text("")
    (folder / "src" / ".venv" / "bin" / "link").symlink_to("/usr/bin/env")
    assert list(source_files(folder, folder / "src")) == [
        folder / "src" / "app.py",
        folder / "src" / "package" / "data.json",
    ]


def test_source_files_refuse_links_that_leave(folder: Path) -> None:
    (folder / "src" / "stolen").symlink_to("/etc/passwd")
    with pytest.raises(ProjectError, match="is a link to /etc/passwd, outside the project's folder"):
        list(source_files(folder, folder / "src"))


@given(st.text(alphabet="ab1.:-,?&*!<>|%{}[]()'\"#@` \t\n\0\ud800", max_size=60))
def test_any_text_gives_json_or_a_project_error(text: str) -> None:
    try:
        value = parse_yaml(text, FILE, short_tag).value
    except ProjectError:
        return
    json.dumps(value, allow_nan=False)
