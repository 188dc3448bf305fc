"""The files of applied migrations: a digest of each is kept in the database, so that one that was edited is noticed."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import psycopg

from .psycopg_connections import Connection
from .statements import sql


def edited(connection: Connection, files: Mapping[str, Path]) -> list[str]:
    """Name the migrations whose file is another than the one applied; their white space and comments count."""
    if not _is_kept(connection):
        return []
    recorded = dict(_rows(connection, "schema/migration_files"))
    return [name for name, path in files.items() if name in recorded and recorded[name] != _digest(path)]


def record(connection: Connection, name: str, file: Path) -> None:
    """Write down that this is the file of a migration that is applied."""
    if _is_kept(connection):
        _run(connection, "schema/record_migration_file", name, _digest(file))


def forget(connection: Connection, name: str) -> None:
    """Take back `record` of a migration that is applied no more."""
    if _is_kept(connection):
        _run(connection, "schema/forget_migration_file", name)


def adopt(connection: Connection, files: Mapping[str, Path], applied: Collection[str]) -> list[str]:
    """Record, as their files are now, the applied migrations of which nothing is recorded; gives their names."""
    if not _is_kept(connection):
        return []
    recorded = dict(_rows(connection, "schema/migration_files"))
    unknown = [name for name in files if name in applied and name not in recorded]
    for name in unknown:
        record(connection, name, files[name])
    return unknown


def _is_kept(connection: Connection) -> bool:
    [(found,)] = _rows(connection, "schema/has_migration_files")
    return bool(found)


def _digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


def _rows(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    return psycopg.RawCursor(connection).execute(sql(statement)).fetchall()


def _run(connection: Connection, statement: str, *arguments: object) -> None:
    psycopg.RawCursor(connection).execute(sql(statement), arguments)
