"""Builds the console into the wheel, so that whoever installs it needs no Node.js."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STATIC = "src/stepwell/api/console/static"


class ConsoleHook(BuildHookInterface):
    """Runs before a wheel is put together; an editable install is left to `make console`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if version == "editable":
            return
        if (root / "console/package.json").exists() and not (root / STATIC / "index.html").exists():
            npm = shutil.which("npm")
            if npm is None:
                raise RuntimeError("the console is not built: install Node.js 20 or newer, and build again")
            subprocess.run([npm, "ci", "--no-fund", "--no-audit"], cwd=root / "console", check=True)
            subprocess.run([npm, "run", "build"], cwd=root / "console", check=True)
        build_data["artifacts"].append(f"{STATIC}/**")
