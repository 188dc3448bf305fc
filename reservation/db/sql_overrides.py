"""A DBA's own statements in place of shipped ones (SQL_DIR): compared with those they replace before any is used."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from ..settings import Settings
from .pool import Connection
from .pool_options import pool_options, why_refused
from .statements import StatementsRefused, shipped, use, with_overrides


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the code that calls a statement relies on: the types it gives, the names and types it gets.

    `forbidden` is why the role may not do it, if it may not.
    """

    parameters: Sequence[str]
    columns: Sequence[str]
    forbidden: str | None


def adopt(settings: Settings) -> None:
    """Use the statements of SQL_DIR, where it is set, from the start; raises StatementsRefused."""
    if settings.sql_dir is None:
        return
    statements = with_overrides(settings.sql_dir)
    asyncio.run(compare(settings, shipped(), statements))
    use(statements)


async def compare(settings: Settings, before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[str]:
    """Name what differs, once PostgreSQL has taken each of it with the types of the one before.

    On a connection of its own, with the settings and the role of the pool's: what it takes, those take. It plans each
    statement, too, which finds what is not allowed to the role, while the one before was: a tool's statements are for
    other roles. Raises StatementsRefused.
    """
    changed = [name for name, text in after.items() if text != before[name]]
    if not changed:
        return changed
    try:
        async with (
            asyncio.timeout(longest_s(settings)),
            asyncpg.create_pool(**pool_options(settings) | {"min_size": 1, "max_size": 1}) as pool,
            pool.acquire() as conn,
        ):
            for name in changed:
                await _compare(conn, name, before[name], after[name])
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        reason = why_refused(settings, error) or "no answer in time"
        raise StatementsRefused(f"PostgreSQL cannot compare the statements: {reason}") from error
    return changed


def longest_s(settings: Settings) -> float:
    """The longest that a comparison may take: a connection, and twice what one statement may."""
    return settings.pool_wait_s + 2 * settings.statement_timeout_s


async def _compare(conn: Connection, name: str, old: str, new: str) -> None:
    wanted, found = await _shape(conn, name, old), await _shape(conn, name, new)
    if found.forbidden is not None and wanted.forbidden is None:
        raise StatementsRefused(f"{name}.sql: {found.forbidden}")
    for what, is_now, was in (
        ("parameters", found.parameters, wanted.parameters),
        ("columns", found.columns, wanted.columns),
    ):
        if is_now != was:
            raise StatementsRefused(f"{name}.sql: its {what} are ({', '.join(is_now)}), not ({', '.join(was)})")


async def _shape(conn: Connection, name: str, text: str) -> _Shape:
    # One transaction, and nothing left of it: a pooler may lend another connection of PostgreSQL's for the next.
    prepared, forbidden = f"compared_{uuid4().hex}", None
    try:
        async with conn.transaction():
            statement = await conn.prepare(text, name=prepared)
            parameters = [_type(parameter) for parameter in statement.get_parameters()]
            # As a prepared one its plan is generic: with nulls in it, PostgreSQL would drop what they make void unseen.
            nulls = f"({', '.join(['null'] * len(parameters))})" if parameters else ""
            try:
                async with conn.transaction():  # whatever becomes of it, what was prepared can be dropped
                    await conn.execute(f"explain execute {prepared}{nulls}")
            except asyncpg.InsufficientPrivilegeError as error:
                forbidden = _reason(error, text)
            finally:
                await conn.execute(f"deallocate {prepared}")
    except (asyncpg.SyntaxOrAccessError, asyncpg.DataError, asyncpg.FeatureNotSupportedError) as error:
        raise StatementsRefused(f"{name}.sql: {_reason(error, text)}") from error
    columns = [f"{column.name} {_type(column.type)}" for column in statement.get_attributes()]
    return _Shape(parameters, columns, forbidden)


def _type(found: asyncpg.Type) -> str:
    return found.name if found.schema == "pg_catalog" else f"{found.schema}.{found.name}"


def _reason(error: asyncpg.PostgresError, text: str) -> str:
    """Say in one line what PostgreSQL said, and of which line of the file."""
    said = " ".join(str(error).split())
    position = getattr(error, "position", None)
    return said if position is None else f"line {text.count(chr(10), 0, int(position) - 1) + 1}: {said}"
