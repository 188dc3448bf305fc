"""Migrations by yoyo: apply, roll back and report them; one of several instances that start at once migrates."""

import getpass
import glob
import importlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import make_conninfo

from ..psycopg_connections import Connection, SchemaError, connection_to, one_line, parameters_of
from . import checksums
from .autovacuum import Autovacuum

yoyo: Any = importlib.import_module("yoyo")  # it ships no types

log = logging.getLogger(__name__)

ADVISORY_LOCK = 5_283_164_977_012_341  # any number, but the same for all instances
LOCK_WAIT_S = 60.0
LOCK_POLL_S = 0.1
LOCK_TRIES = 3  # of a migration that autovacuum kept from a lock
# The role may have limits that are meant for the service. A pooler such as PgBouncer refuses these options; it would
# not keep the lock either.
MIGRATING = r"-c statement_timeout=0 -c enable_seqscan=on -c default_transaction_isolation=read\ committed"


class SchemaOutOfDate(SchemaError):
    """Migrations are pending, and were not to be applied."""


class MigrationFailed(SchemaError):
    """A migration failed, or another instance is migrating; what was begun is rolled back."""


class MigrationEdited(SchemaError):
    """The file of an applied migration was edited, so it does not say what this database has."""


State: TypeAlias = Literal["applied", "pending", "edited", "unknown"]


class Status(NamedTuple):
    """A migration: applied; pending; applied, and its file edited since; or applied, and unknown to this version."""

    name: str
    state: State


def apply(database_url: str, *, folder: Path | None = None, accept_edited: Sequence[str] = ()) -> list[str]:
    """Apply what is pending, each migration in its own transaction; gives the ids of those applied by this call.

    Raises MigrationEdited, before anything is applied, for a file that was edited and is not in `accept_edited`.
    """
    with _backend(database_url) as (connection, backend):
        files = _files(folder)
        _accept(connection, files, accept_edited)
        _require_unedited(connection, files)
        autovacuum = Autovacuum(connection)
        done = [_run(autovacuum, backend, migration, "apply") for migration in backend.to_apply(_migrations(folder))]
        adopted = set(checksums.adopt(connection, files, _applied(connection))) - set(done)
        if adopted:
            log.warning(
                "nothing was recorded of these migrations, so their files are taken as they are: %s",
                ", ".join(sorted(adopted)),
            )
        return done


def rollback(
    database_url: str,
    count: int,
    *,
    agree: Callable[[Sequence[str]], None] = lambda _: None,
    folder: Path | None = None,
) -> list[str]:
    """Roll back the last `count` migrations, the newest first, and give their ids.

    `agree` is called with the ids before anything is done, and may raise. Raises SchemaError when fewer are applied.
    """
    with _backend(database_url) as (connection, backend):
        applied = list(backend.to_rollback(_migrations(folder)))
        if count > len(applied):
            raise SchemaError(f"{len(applied)} migrations are applied, so {count} cannot be rolled back")
        agree([migration.id for migration in applied[:count]])
        autovacuum = Autovacuum(connection)
        return [_run(autovacuum, backend, migration, "rollback") for migration in applied[:count]]


def to_apply(database_url: str, *, folder: Path | None = None) -> list[str]:
    """Name the migrations that `apply` would apply; raises MigrationEdited, as `apply` does. Only reads."""
    with _reading(database_url) as connection:
        _require_unedited(connection, _files(folder))
        return _pending(connection, folder)


def status(database_url: str, *, folder: Path | None = None) -> list[Status]:
    """The state of each migration, in their order, then of applied ones that this version does not have; only reads."""
    files = _files(folder)
    with _reading(database_url) as connection:
        applied = _applied(connection)
        edited = set(checksums.edited(connection, files))
    known = [
        Status(name, "edited" if name in edited else "applied" if name in applied else "pending") for name in files
    ]
    return [*known, *(Status(name, "unknown") for name in sorted(applied - files.keys()))]


def known_migrations() -> frozenset[str]:
    """Name the migrations that this version of the service was made for."""
    return frozenset(path.stem for path in _folder().glob("*.sql") if not path.name.endswith(".rollback.sql"))


def require_current(database_url: str, *, folder: Path | None = None) -> None:
    """Raise SchemaOutOfDate, naming what is pending, or MigrationEdited, unless every migration is applied as it is.

    Only reads.
    """
    with _reading(database_url) as connection:
        missing = _pending(connection, folder)
        if missing:
            raise SchemaOutOfDate(f"pending migrations: {', '.join(missing)}; run `reservation migrate` first")
        _require_unedited(connection, _files(folder))


@contextmanager
def _reading(database_url: str) -> Iterator[Connection]:
    """A connection that reads which migrations are applied; raises SchemaError where its login may not."""
    try:
        with connection_to(database_url) as connection:
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise SchemaError(f"{one_line(error)}: grant it select on _yoyo_migration and migration_files") from error


def _pending(connection: Connection, folder: Path | None) -> list[str]:
    applied = _applied(connection)
    return [migration.id for migration in _migrations(folder) if migration.id not in applied]


def _applied(connection: Connection) -> set[str]:
    begun = connection.execute("select to_regclass('_yoyo_migration') is not null").fetchone()
    rows = connection.execute("select migration_id from _yoyo_migration") if begun and begun[0] else ()
    return {row[0] for row in rows}


def _files(folder: Path | None) -> dict[str, Path]:
    return {migration.id: Path(migration.path) for migration in _migrations(folder)}


def _accept(connection: Connection, files: Mapping[str, Path], names: Sequence[str]) -> None:
    """Record the edited files of these migrations as the applied ones."""
    edited = checksums.edited(connection, files)
    for name in names:
        if name not in edited:
            raise SchemaError(f"there is no migration {name} that was edited after it was applied")
    for name in names:
        checksums.record(connection, name, files[name])


def _require_unedited(connection: Connection, files: Mapping[str, Path]) -> None:
    for name in checksums.edited(connection, files):
        raise MigrationEdited(
            f"{files[name]} was edited after it was applied: restore it and put what is new into a migration of its "
            f"own; or, if this database has the change already, run `reservation migrate --accept-edited {name}`"
        )


def _migrations(folder: Path | None) -> list[Any]:
    folder = folder or _folder()
    found: list[Any] = yoyo.read_migrations(glob.escape(str(folder)))  # yoyo takes a pattern
    if not found:
        raise SchemaError(f"there are no migrations in {folder}")
    return found


def _folder() -> Path:
    here = Path(__file__).parents[2]
    installed = here / "migrations"
    return installed if installed.is_dir() else here.parent / "migrations"


def _run(autovacuum: Autovacuum, backend: Any, migration: Any, direction: Literal["apply", "rollback"]) -> str:
    """Run a migration, after autovacuum was interrupted; gives its id."""
    migration.load()
    try:
        autovacuum.interrupt()
        for tries_left in reversed(range(LOCK_TRIES)):
            try:
                _run_once(backend, migration, direction)
            except psycopg.errors.LockNotAvailable:
                if not (tries_left and autovacuum.interrupt()):  # one that has begun since
                    raise
            else:
                break
    except psycopg.Error as error:
        reason = error.diag.message_primary or one_line(error)
        raise MigrationFailed(f"migration {migration.id} failed to {direction}: {reason}") from error
    return str(migration.id)


def _run_once(backend: Any, migration: Any, direction: Literal["apply", "rollback"]) -> None:
    """Run a migration and record it in the same transaction.

    yoyo's own apply_one commits the two one after the other: a kill in between leaves a schema that can neither be
    migrated nor rolled back. For a migration with `-- transactional: false` there is no other way.
    """
    if migration.use_transactions:
        with backend.copy() as own, own.transaction():
            own.connection.add_notice_handler(_pass_on)
            migration.process_steps(own, direction)
            own.log_migration(migration, direction)
            mark = own.mark_one if direction == "apply" else own.unmark_one
            mark(migration, log=False)
            _note(own.connection, migration, direction)
    else:
        run = backend.apply_one if direction == "apply" else backend.rollback_one
        run(migration)
        with backend.transaction():
            _note(backend.connection, migration, direction)


def _pass_on(found: psycopg.errors.Diagnostic) -> None:
    """Log a warning of a migration, with its hint."""
    if found.severity_nonlocalized == "WARNING":
        log.warning("%s", ". ".join(filter(None, (found.message_primary, found.message_hint))))


def _note(connection: Connection, migration: Any, direction: Literal["apply", "rollback"]) -> None:
    if direction == "apply":
        checksums.record(connection, migration.id, Path(migration.path))
    else:
        checksums.forget(connection, migration.id)


@contextmanager
def _backend(database_url: str) -> Iterator[tuple[Connection, Any]]:
    """A connection and yoyo's backend, while no other instance migrates."""
    # As parameters, which keep all parts of a URL: several hosts, a socket's folder, sslmode.
    parameters = parameters_of(database_url)
    parameters["options"] = f"{parameters.get('options', '')} {MIGRATING}".strip()
    with connection_to(make_conninfo("", **parameters)) as connection:
        _lock(connection)
        backend = yoyo.get_backend(f"postgresql+psycopg:///?{urlencode(parameters)}")
        with _login_name(), backend:
            backend.break_lock()  # we hold the advisory lock, so a row in yoyo's table is from a killed instance
            with backend.lock():
                yield connection, backend


def _lock(connection: Connection) -> None:
    """Take the advisory lock, which PostgreSQL releases when the connection ends, however it ends.

    By polling: a session that waits inside PostgreSQL holds a snapshot, for which CREATE INDEX CONCURRENTLY in the
    other instance's migration would wait in turn.
    """
    may = connection.execute("select has_schema_privilege(current_schema(), 'create'), current_user").fetchone()
    if may is not None and not may[0]:
        raise MigrationFailed(f"the user {may[1]} may not create tables: migrate as the schema's owner")
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        row = connection.execute("select pg_try_advisory_lock(%s)", [ADVISORY_LOCK]).fetchone()
        if row is not None and row[0]:
            return
        if time.monotonic() > deadline:
            raise MigrationFailed(f"another instance has been migrating this database for {LOCK_WAIT_S:.0f} s")
        time.sleep(LOCK_POLL_S)


@contextmanager
def _login_name() -> Iterator[None]:
    """Name the user for yoyo's log when the system has no name for it, as in a container with a bare number."""
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        os.environ["LOGNAME"] = str(os.getuid())
        try:
            yield
        finally:
            del os.environ["LOGNAME"]
    else:
        yield
