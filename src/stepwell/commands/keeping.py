"""`stepwell backup`, `restore` and `migrate`: what is done, told to a person. All raise StoreError."""

from pathlib import Path

import click

from stepwell.store import sqlite_backup
from stepwell.store.open import sqlite_path
from stepwell.store.sqlite_file import SCHEMA_VERSION


def backup(store: str, file: Path, force: bool) -> None:
    path = sqlite_path(store)
    copied = sqlite_backup.backup(path, file, replace=force)
    click.echo(f"{file} holds {path} as of now: {_shown(copied)}")


def restore(file: Path, store: str, force: bool) -> None:
    path = sqlite_path(store)
    copied = sqlite_backup.restore(file, path, replace=force)
    click.echo(f"{path} is what {file} held: {_shown(copied)}")


def migrate(store: str) -> None:
    path = sqlite_path(store)
    kept = sqlite_backup.migrate_file(path)
    if kept is None:
        click.echo(f"{path} has schema {SCHEMA_VERSION} already")
    else:
        click.echo(f"{path} has schema {SCHEMA_VERSION} now; as it was, it is {kept}")


def _shown(copied: sqlite_backup.Copied) -> str:
    return f"{copied.executions:,} executions, {copied.size:,} bytes, schema {copied.schema}"
