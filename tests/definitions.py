"""Checks every definition of a folder, and says of each whether AWS would take it.

usage: definitions.py FOLDER

Definitions of SAM, CDK and Terraform projects hold `${Name}`, which those tools fill in before AWS sees the text. Here
each gets a value that fits its place: an ARN as a Resource, the partition, a number where it stands without quotes.
"""

import json
import re
import sys
from pathlib import Path

from stepwell.asl.compile import check_definition, load_yaml
from stepwell.asl.errors import Diagnostic
from stepwell.tasks.custom import CustomResources

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:F"

_FILLINGS = (
    (re.compile(r"(\bResource\b\"?\s*:\s*\"?)\$\{[\w.]+\}"), rf"\1{FUNCTION}"),
    (re.compile(r"\$\{\w*partition\}", re.IGNORECASE), "aws"),
    (re.compile(r"(:\s*)\$\{[\w.]+\}"), r"\g<1>60"),
    (re.compile(r"\$\{([\w.]+)\}"), r"\1"),
)


def filled(text: str) -> str:
    """The text with a fitting value for each placeholder."""
    for pattern, value in _FILLINGS:
        text = pattern.sub(value, text)
    return text


def check(path: Path) -> list[Diagnostic]:
    text = filled(path.read_text())
    if path.suffix in (".yaml", ".yml"):
        text = json.dumps(load_yaml(text))
    return check_definition(text, recognizes=CustomResources({}).recognizes)


def main() -> int:
    if len(sys.argv) != 2:
        print("name the folder that holds the definitions: make definitions DEFINITIONS=FOLDER", file=sys.stderr)
        return 2
    paths = sorted(path for path in Path(sys.argv[1]).iterdir() if ".asl." in path.name)
    refused = 0
    for path in paths:
        found = check(path)
        refused += any(diagnostic.severity == "ERROR" for diagnostic in found)
        print("refused " if found else "compiles", path.name)
        for diagnostic in found:
            print("         ", diagnostic)
    print(f"{len(paths)} definitions, {refused} refused")
    return 0 if paths else 1


if __name__ == "__main__":
    sys.exit(main())
