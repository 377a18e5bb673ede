"""Output of a worker, taken apart."""

import random

import pytest

from stepwell.functions.logs import Splitter, tail

AT = 1_800_000_000.5


def frame(text: str, at: float = AT, kind: int = 0xA55A0003) -> bytes:
    data = text.encode()
    return kind.to_bytes(4, "big") + len(data).to_bytes(4, "big") + int(at * 1e6).to_bytes(8, "big") + data


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (b"", []),
        (b"a\nb\n", [(1.0, "a"), (1.0, "b")]),
        (b"a\n\nb", [(1.0, "a"), (1.0, ""), (1.0, "b")]),
        (frame("one\ntwo\n"), [(AT, "one\ntwo")]),
        (b"a\n" + frame("f") + b"b\n", [(1.0, "a"), (AT, "f"), (1.0, "b")]),
        (b"held" + frame("f\n", kind=0xA55A0017) + frame(""), [(1.0, "held"), (AT, "f"), (AT, "")]),
        ("Übung €\n".encode(), [(1.0, "Übung €")]),
        (b"\xff\xfe\n", [(1.0, "\ufffd\ufffd")]),
        (frame("cut off")[:-3], [(AT, "cut ")]),
        (b"\xa5\x5a\x00\x03\xff\xff\xff\xff" + bytes(8) + b"liar", [(0.0, "liar")]),
    ],
)
def test_splitting(data, records):
    splitter = Splitter(lambda: 1.0)
    assert splitter.feed(data) + splitter.flush() == records


def test_splitting_does_not_depend_on_how_it_arrives():
    data = b"".join([b"plain\n", frame("one\n"), b"no newline", frame("two"), b"x" * 500 + b"\n", frame("y" * 300)])
    whole = Splitter(lambda: 1.0)
    expected = whole.feed(data) + whole.flush()
    assert [text for _at, text in expected] == ["plain", "one", "no newline", "two", "x" * 500, "y" * 300]
    source = random.Random(7)
    for _ in range(50):
        splitter, records, rest = Splitter(lambda: 1.0), [], data
        while rest:
            size = source.randint(20, 200)  # A frame's first bytes are written at once, so they arrive together.
            records += splitter.feed(rest[:size])
            rest = rest[size:]
        assert "".join(text for _at, text in records + splitter.flush()) == "".join(text for _at, text in expected)


def test_tail():
    assert tail(["a", "b"]) == b"a\nb\n"
    assert len(tail(["x" * 9000])) == 4096
