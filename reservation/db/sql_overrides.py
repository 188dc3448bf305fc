"""Statements of SQL_DIR in place of shipped ones: PostgreSQL compares each with the one it replaces before its use."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from ..settings import Settings
from .pool import Connection
from .pool_options import pool_options, why_refused
from .postgresql_errors import DRIVER_ERRORS
from .statements import StatementsRefused, shipped, with_overrides


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the calling code relies on: the types of the parameters, the names and types of the columns.

    `forbidden` is PostgreSQL's message if the role lacks a right that the statement takes.
    """

    parameters: Sequence[str]
    columns: Sequence[str]
    forbidden: str | None


def verified_statements(settings: Settings) -> dict[str, str]:
    """Every statement, those of SQL_DIR over the shipped ones, once PostgreSQL has accepted them.

    Blocks for at most POOL_WAIT_SECONDS and twice STATEMENT_TIMEOUT_SECONDS. Raises StatementsRefused.
    """
    statements = with_overrides(settings.sql_dir)
    asyncio.run(compare(settings, statements))
    return statements


async def compare(settings: Settings, statements: Mapping[str, str]) -> Sequence[str]:
    """Name the statements that differ from the shipped ones; raises StatementsRefused if one has another shape.

    On a connection with the settings and the role of the pool's. Each statement is planned as well, which finds rights
    that the role lacks; statements whose shipped form the role may not run either (those of tools) pass.
    """
    changed = [name for name, text in statements.items() if text != shipped()[name]]
    if not changed:
        return changed
    try:
        async with (
            asyncio.timeout(settings.pool_wait_s + 2 * settings.statement_timeout_s),
            asyncpg.create_pool(**pool_options(settings) | {"min_size": 1, "max_size": 1}) as pool,
            pool.acquire() as conn,
        ):
            for name in changed:
                await _compare(conn, name, shipped()[name], statements[name])
    except (*DRIVER_ERRORS, TimeoutError) as error:
        reason = why_refused(settings, error) or "no answer in time"
        raise StatementsRefused(f"PostgreSQL cannot compare the statements: {reason}") from error
    return changed


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
    # One transaction that leaves nothing behind: a pooler may run the next one on another connection to PostgreSQL.
    prepared, forbidden = f"compared_{uuid4().hex}", None
    try:
        async with conn.transaction():
            statement = await conn.prepare(text, name=prepared)
            parameters = [_type(parameter) for parameter in statement.get_parameters()]
            # A prepared statement gets its generic plan. A custom one would be planned with the nulls, and PostgreSQL
            # would remove conditions that a null makes false, and with them the tables whose rights are asked about.
            nulls = f"({', '.join(['null'] * len(parameters))})" if parameters else ""
            try:
                async with conn.transaction():  # a savepoint: after an error the statement can still be deallocated
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
    """PostgreSQL's message in one line, with the line of the file that it is about."""
    said = " ".join(str(error).split())
    position = getattr(error, "position", None)
    return said if position is None else f"line {text.count(chr(10), 0, int(position) - 1) + 1}: {said}"
