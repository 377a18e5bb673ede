"""Finds the Chromium that the browser tests drive, and on Debian as root installs it: `make test-browser` runs this."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
VARIABLE = "STEPWELL_CHROMIUM"

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
"""It renders without a screen, speaks to nobody but the server, and runs as root in containers too."""


def find() -> str | None:
    """The browser's path; STEPWELL_CHROMIUM names another one."""
    named = os.environ.get(VARIABLE)
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> None:
    """From Debian's packages, which root can install."""
    print("installing Chromium from Debian's packages ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", *command], check=True, env=environment, stdout=subprocess.DEVNULL)


def main() -> int:
    if find() is None and shutil.which("apt-get") and os.geteuid() == 0:
        install()
    path = find()
    if path is None or not Path(path).exists():
        print(f"the browser tests need Chromium; on Debian: apt-get install chromium, or name one by {VARIABLE}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
