"""The SHA-256 of each applied migration's file, kept in the database, so that an edited file is noticed."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import psycopg

from ..psycopg_connections import Connection
from ..statements import sql


def edited(connection: Connection, files: Mapping[str, Path]) -> list[str]:
    """Name the applied migrations whose file has changed since; white space and comments count."""
    if not _has_table(connection):
        return []
    recorded = dict(_rows(connection, "schema/migration_files"))
    return [name for name, path in files.items() if name in recorded and recorded[name] != _digest(path)]


def record(connection: Connection, name: str, file: Path) -> None:
    """Record the file of an applied migration."""
    if _has_table(connection):
        _run(connection, "schema/record_migration_file", name, _digest(file))


def forget(connection: Connection, name: str) -> None:
    """Delete the record of a migration that was rolled back."""
    if _has_table(connection):
        _run(connection, "schema/forget_migration_file", name)


def adopt(connection: Connection, files: Mapping[str, Path], applied: Collection[str]) -> list[str]:
    """Record, as their files are now, the applied migrations of which nothing is recorded; gives their names."""
    if not _has_table(connection):
        return []
    recorded = dict(_rows(connection, "schema/migration_files"))
    unknown = [name for name in files if name in applied and name not in recorded]
    for name in unknown:
        record(connection, name, files[name])
    return unknown


def _has_table(connection: Connection) -> bool:
    [(found,)] = _rows(connection, "schema/has_migration_files")
    return bool(found)


def _digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


def _rows(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    return psycopg.RawCursor(connection).execute(sql(statement)).fetchall()


def _run(connection: Connection, statement: str, *arguments: object) -> None:
    psycopg.RawCursor(connection).execute(sql(statement), arguments)
