"""The pages themselves: what is served under which headers, and that no path leads out of what was built."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from stepwell.api.console import assets

PAGE = b"<!doctype html><title>Stepwell</title>"
SCRIPT = b"console.log(1)"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the build leaves it, with a secret beside it."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(PAGE)
    (folder / "icon.svg").write_bytes(b"<svg/>")
    (folder / "licenses.md").write_bytes(b"# Licenses")
    (folder / "assets" / "index-abc.js").write_bytes(SCRIPT)
    (tmp_path / "secret.svg").write_bytes(b"secret")
    monkeypatch.setattr(assets, "BUILT", folder)
    monkeypatch.setattr(assets, "_built", {})
    return folder


def get(api: Any, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    status, headers, body = api.run(api.asgi(b"", {}, method, path))
    return status, headers, body


@pytest.mark.parametrize("path", ["/console/", "/console/executions", "/console/executions/a:b/c", "/console/api"])
def test_every_path_of_the_pages_is_the_one_page(api: Any, built: Path, path: str) -> None:
    status, headers, body = get(api, path)
    assert (status, body, headers["cache-control"]) == (200, PAGE, "no-cache")
    assert headers["content-type"] == "text/html; charset=utf-8"


def test_assets_are_kept_for_ever_and_the_rest_is_asked_for_again(api: Any, built: Path) -> None:
    status, headers, body = get(api, "/console/assets/index-abc.js")
    assert (status, body, headers["cache-control"]) == (200, SCRIPT, "public, max-age=31536000, immutable")
    assert "javascript" in headers["content-type"]
    status, headers, body = get(api, "/console/icon.svg")
    assert (status, headers["content-type"], headers["cache-control"]) == (200, "image/svg+xml", "no-cache")
    assert get(api, "/console/licenses.md")[2] == b"# Licenses"


@pytest.mark.parametrize(
    "path",
    [
        "assets/", "assets/none.js", "assets/../index.html", "assets/../../secret.svg", "../secret.svg",
        "..%2fsecret.svg", "assets/..%2f..%2fsecret.svg", "%2e%2e/secret.svg", "/etc/passwd.svg",
        "assets//index-abc.js", "icon.svg/",
        "assets/index-abc.js\0.svg", "assets/" + "x" * 5_000, "assets/index-abc.js/../index-abc.js", "..\\secret.svg",
        "none.html", "assets",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_what_was_built(api: Any, built: Path, path: str) -> None:
    status, headers, body = get(api, unquote(f"/console/{path}"))  # as an HTTP server decodes it
    assert (status, body) == (404, b"") or (status, body) == (200, PAGE)
    assert b"secret" not in body
    assert headers["content-security-policy"] == assets.POLICY


def test_what_is_sent_with_every_page(api: Any, built: Path) -> None:
    for path in ("/console/", "/console/icon.svg", "/console/assets/index-abc.js"):
        _, headers, _ = get(api, path)
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"


def test_what_was_built_together_is_served_together(api: Any, built: Path) -> None:
    assert get(api, "/console/")[2] == PAGE
    (built / "index.html").write_bytes(b"a later build")
    (built / "assets" / "index-abc.js").unlink()
    assert (get(api, "/console/")[2], get(api, "/console/assets/index-abc.js")[2]) == (PAGE, SCRIPT)


def test_without_a_build_the_page_says_what_to_do_and_a_build_is_found(
    api: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "BUILT", tmp_path / "static")
    monkeypatch.setattr(assets, "_built", {})
    status, headers, body = get(api, "/console/")
    assert status == 503 and b"make console" in body
    assert headers["content-security-policy"] == assets.POLICY
    assert get(api, "/console/assets/index.js")[0] == 404
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "index.html").write_bytes(PAGE)
    assert get(api, "/console/")[::2] == (200, PAGE)


def test_the_bare_address_leads_to_the_pages(api: Any) -> None:
    status, headers, _ = get(api, "/console")
    assert (status, headers["location"]) == (307, "/console/")


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405), ("DELETE", 405)])
def test_pages_are_only_read(api: Any, built: Path, method: str, status: int) -> None:
    assert get(api, "/console/", method)[0] == status
