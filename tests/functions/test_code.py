"""Archives from outside, most of them hostile."""

import io
import os
import stat
import zipfile
import zlib

import pytest

from stepwell.functions import code
from stepwell.functions.code import check_archive, code_sha256, folder_name, unpack
from stepwell.functions.errors import LambdaError


def archive(*entries, compression=zipfile.ZIP_DEFLATED) -> bytes:
    """Entries are (name, bytes) or (name, bytes, mode)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as opened:
        for name, data, *mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = compression
            entry.external_attr = (mode[0] if mode else 0o100600) << 16
            opened.writestr(entry, data)
    return buffer.getvalue()


@pytest.fixture
def private_umask():
    previous = os.umask(0o077)
    yield
    os.umask(previous)


@pytest.mark.usefixtures("private_umask")
def test_unpacking_makes_files_that_other_users_can_read(tmp_path):
    data = archive(("a.py", b"1"), ("package/b.py", b"2"), ("bin/run", b"#!/bin/sh", 0o100700), ("empty/", b""))
    folder = unpack(data, tmp_path / "code")
    assert folder.name == folder_name(data)
    assert (folder / "package/b.py").read_bytes() == b"2" and (folder / "empty").is_dir()
    assert stat.S_IMODE((folder / "a.py").stat().st_mode) == 0o644
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((folder / "package").stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "bin/run").stat().st_mode) == 0o755
    assert unpack(data, tmp_path / "code") == folder
    assert [entry.name for entry in (tmp_path / "code").iterdir()] == [folder.name]


def test_the_hash_is_that_of_aws():
    # printf '' | openssl dgst -sha256 -binary | base64
    assert code_sha256(b"") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../../x", "..", "a\\..\\x", "C:/x", "//x", "a/..", "/", "./../x"]
)
def test_paths_that_lead_outside(tmp_path, name):
    with pytest.raises(LambdaError, match="leads outside"):
        unpack(archive((name, b"x")), tmp_path / "code")
    assert list(tmp_path.rglob("*")) in ([], [tmp_path / "code"])


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_links_and_devices(tmp_path, kind):
    with pytest.raises(LambdaError, match="link or a device"):
        unpack(archive(("x", b"/etc/passwd", kind | 0o777)), tmp_path)


@pytest.mark.parametrize("data", [b"PK", b"x" * 100, archive(("a", b"1"))[:-10], archive(("a", b"1")) + b"\0" * 70_000])
def test_what_is_no_archive(tmp_path, data):
    with pytest.raises(LambdaError, match="Could not unzip"):
        unpack(data, tmp_path)


def test_an_empty_upload(tmp_path):
    with pytest.raises(LambdaError, match="non-empty zip"):
        unpack(b"", tmp_path)


def test_a_damaged_file_leaves_nothing_behind(tmp_path):
    data = bytearray(archive(("a", b"fine"), ("b", os.urandom(5000)), compression=zipfile.ZIP_STORED))
    data[2000] ^= 0xFF
    with pytest.raises(LambdaError, match="Could not unzip"):
        unpack(bytes(data), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_damaged_compressed_data(tmp_path):
    data = bytearray(archive(("a", b"some text " * 1000)))
    data[40:60] = os.urandom(20)
    with pytest.raises(LambdaError, match="Could not unzip"):
        unpack(bytes(data), tmp_path)


def test_a_bomb_is_refused_by_its_own_words(tmp_path):
    bomb = archive(*[(f"{i}", bytes(60 << 20)) for i in range(5)])
    assert len(bomb) < 1 << 20
    with pytest.raises(LambdaError, match="Unzipped size must be smaller than 262144000 bytes"):
        unpack(bomb, tmp_path)


def test_a_bomb_that_lies_about_its_size(tmp_path):
    data = archive(("a", b"x" * 1_000_000))
    lying = data.replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(LambdaError, match="Could not unzip"):
        unpack(lying, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_comes_out_is_counted(tmp_path, monkeypatch):
    data = archive(("a", b"x" * 600), ("b", b"x" * 600))
    monkeypatch.setattr(code, "check_archive", lambda archive: None)
    monkeypatch.setattr(code, "MAX_UNZIPPED_BYTES", 1000)
    with pytest.raises(LambdaError, match="Unzipped size"):
        unpack(data, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_many_files(monkeypatch):
    monkeypatch.setattr(code, "MAX_ENTRIES", 4)
    check_archive(archive(*[(f"{i}", b"") for i in range(3)]))
    with pytest.raises(LambdaError, match="more than 4 files"):
        check_archive(archive(*[(f"{i}", b"") for i in range(5)]))


def test_too_many_files_are_refused_before_they_are_parsed(monkeypatch):
    monkeypatch.setattr(code, "_open", None)
    with pytest.raises(LambdaError, match="more than 100000 files"):
        check_archive(b"PK\x01\x02" * 100_001)


def test_too_many_folders(monkeypatch):
    monkeypatch.setattr(code, "MAX_ENTRIES", 300)
    check_archive(archive(*[(f"a/b/c/{i}", b"") for i in range(200)]))
    with pytest.raises(LambdaError, match="more than 300 files"):
        check_archive(archive(*[(f"{i}/" + "a/" * 90 + "x", b"") for i in range(4)]))


def test_a_path_that_is_too_deep():
    check_archive(archive(("a/" * 99 + "x", b"")))
    with pytest.raises(LambdaError, match="more than 100 folders deep"):
        check_archive(archive(("a/" * 100 + "x", b"")))


def test_a_second_name_that_leads_outside(tmp_path):
    """The extra field 0x7075 renames an entry, in Pythons that know it. No Python may write outside."""
    second = b"\x01" + zlib.crc32(b"inside").to_bytes(4, "little") + b"../../outside"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        entry = zipfile.ZipInfo("inside")
        entry.extra = (0x7075).to_bytes(2, "little") + len(second).to_bytes(2, "little") + second
        opened.writestr(entry, b"x")
    try:
        unpack(buffer.getvalue(), tmp_path / "a" / "code")
    except LambdaError as error:
        assert "leads outside" in str(error)
    assert not list(tmp_path.rglob("outside"))


def test_names_are_checked_as_they_are_written_too():
    entry = zipfile.ZipInfo("inside")
    entry.filename = "../outside"
    with pytest.raises(LambdaError, match="leads outside"):
        code._check_entry(entry)


def test_a_zip_that_is_too_large(monkeypatch):
    monkeypatch.setattr(code, "MAX_ZIPPED_BYTES", 100)
    with pytest.raises(LambdaError, match="Zipped size must be smaller than 100 bytes"):
        check_archive(archive(("a", os.urandom(200))))


@pytest.mark.parametrize("entries", [[("a", b"1"), ("a/b", b"2")], [("x" * 300, b"1")]])
def test_names_that_no_folder_can_hold(tmp_path, entries):
    with pytest.raises(LambdaError, match="Could not unzip"):
        unpack(archive(*entries), tmp_path)
    assert list(tmp_path.iterdir()) == []
