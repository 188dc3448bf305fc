"""EXPLAIN (ANALYZE, BUFFERS) of any statement: run for real on arguments of choice, and rolled back."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any, TypeAlias

import asyncpg

from ..db.pool_options import pool_options
from ..settings import Settings
from .statement_headers import Statement

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Commands run these on connections of their own, with PostgreSQL's own settings, and for as long as it takes.
OF_COMMANDS = frozenset({"audit", "load", "seed", "statistics"})
OF_THE_SERVICE_ALL_THE_SAME = frozenset({"audit/unbacked_holds"})
# WAL always: whoever only reads may have locked rows.
OPTIONS = "analyze, buffers, settings, wal"


class Mode(StrEnum):
    """How PostgreSQL plans: for any arguments, as the service has it do, or for those that it is given."""

    GENERIC = "generic"
    CUSTOM = "custom"


class CannotExplain(Exception):
    """A statement cannot be explained as it was asked for; the message says why."""


@asynccontextmanager
async def connected(settings: Settings, statement: Statement) -> AsyncIterator[Connection]:
    """A connection with the server settings that the statement is run with."""
    server_settings = {"application_name": "explain"}
    if is_of_service(statement):
        server_settings = pool_options(settings)["server_settings"] | server_settings
    connection = await asyncpg.connect(settings.database_url, server_settings=server_settings)
    try:
        yield connection
    finally:
        await connection.close()


def is_of_service(statement: Statement) -> bool:
    """Whether it is the service that runs it, and not a command."""
    name = statement.name
    return name.split("/")[0] not in OF_COMMANDS or name in OF_THE_SERVICE_ALL_THE_SAME


async def sample_arguments(connection: Connection, statement: Statement) -> list[str | None]:
    """Arguments from what the database holds, as PostgreSQL writes them; those of the header's sample."""
    if statement.sample is None:
        return []
    columns = [f"c{parameter.number}" for parameter in statement.parameters]
    texts = ", ".join(f"s.{column}::text" for column in columns)
    sample = f"select {texts} from ({statement.sample}) as s ({', '.join(columns)})"  # noqa: S608 - both from our file
    rows = await connection.fetch(sample)
    if len(rows) != 1:
        raise CannotExplain(f"the sample of {statement.name} answers {len(rows)} rows, and not one")
    return list(rows[0])


async def explain_text(
    connection: Connection, statement: Statement, arguments: Sequence[str | None], mode: Mode
) -> str:
    """The plan, and what its execution took, for people; see `explain_json`."""
    return "\n".join(await _explain(connection, statement, arguments, mode, "text"))


async def explain_json(
    connection: Connection, statement: Statement, arguments: Sequence[str | None], mode: Mode
) -> dict[str, Any]:
    """The same as PostgreSQL's JSON: an object with `Plan`, `Execution Time` and so on.

    `arguments` are texts of which PostgreSQL makes the parameters' types. The statement is carried out, locks and
    triggers included, in a transaction that is rolled back; only sequences keep what it took of them. Raises
    CannotExplain, and what asyncpg says to a statement that fails.
    """
    [answer] = await _explain(connection, statement, arguments, mode, "json")
    [explained] = json.loads(answer)
    return dict(explained)


async def _explain(
    connection: Connection, statement: Statement, arguments: Sequence[str | None], mode: Mode, form: str
) -> list[str]:
    if not statement.is_planned:
        raise CannotExplain(f"{statement.name} is a utility statement, which PostgreSQL does not plan")
    if len(arguments) != len(statement.parameters):
        wanted = ", ".join(f"${one.number} {one.type} {one.name}" for one in statement.parameters) or "none"
        raise CannotExplain(f"parameters of {statement.name}: {wanted}; {len(arguments)} arguments were given")
    given = f"({', '.join(map(literal, arguments))})" if arguments else ""
    # Neither EXPLAIN nor EXECUTE takes parameters, and only what was prepared has a generic plan to be carried out.
    await connection.execute(f"prepare explained as {statement.text}")
    transaction = connection.transaction()
    try:
        await transaction.start()
        try:
            await connection.execute(f"set local plan_cache_mode = force_{mode}_plan")
            rows = await connection.fetch(f"explain ({OPTIONS}, format {form}) execute explained{given}")
        finally:
            await transaction.rollback()
    finally:
        if not connection.is_closed():
            await connection.execute("deallocate explained")
    return [row[0] for row in rows]


def literal(value: str | None) -> str:
    """A value as SQL, whose type PostgreSQL finds out; as quote_nullable() would write it."""
    if value is None:
        return "null"
    quoted = value.replace("'", "''")
    return f"'{quoted}'" if "\\" not in quoted else "E'" + quoted.replace("\\", "\\\\") + "'"
