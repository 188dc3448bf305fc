"""EXPLAIN (ANALYZE, BUFFERS) of any statement, with any arguments; it runs the statement and rolls it back."""

import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Any

from ..db.command_connections import tool_connection
from ..db.pool import Connection
from ..db.pool_options import pool_options
from ..errors import OperatorError
from ..settings import Settings
from .statement_headers import Statement

# Commands run these folders on connections of their own, with PostgreSQL's settings and no time limit.
# Run by commands, or with settings of their own: reports, which are planned for their arguments.
COMMAND_FOLDERS = frozenset({"audit", "load", "reports", "schema", "seed", "statistics"})
ALSO_OF_THE_SERVICE = frozenset({"audit/unbacked_holds"})
OPTIONS = "analyze, buffers, settings, wal"  # WAL of reads as well: they may lock rows


class Mode(StrEnum):
    """The plan to explain: the generic one, which the service uses, or the custom one for the given arguments."""

    GENERIC = "generic"
    CUSTOM = "custom"


class CannotExplain(OperatorError):
    """A statement cannot be explained; the message says why."""


def connected(settings: Settings, statement: Statement) -> AbstractAsyncContextManager[Connection]:
    """A connection with the server settings that the service or the command uses for the statement."""
    server_settings = {"application_name": "explain"}
    if is_of_service(statement):
        server_settings = pool_options(settings)["server_settings"] | server_settings
    return tool_connection(settings.database_url, server_settings)


def is_of_service(statement: Statement) -> bool:
    """Whether the service runs it on its pool; otherwise a command does, or a report."""
    return statement.name.split("/")[0] not in COMMAND_FOLDERS or statement.name in ALSO_OF_THE_SERVICE


async def sample_arguments(connection: Connection, statement: Statement) -> list[str | None]:
    """The row of the header's sample, each value as PostgreSQL's text."""
    if statement.sample is None:
        return []
    columns = [f"c{parameter.number}" for parameter in statement.parameters]
    texts = ", ".join(f"s.{column}::text" for column in columns)
    sample = f"select {texts} from ({statement.sample}) as s ({', '.join(columns)})"  # noqa: S608 - of a file in sql/
    rows = await connection.fetch(sample)
    if len(rows) != 1:
        raise CannotExplain(f"the sample of {statement.name} returns {len(rows)} rows instead of one")
    return list(rows[0])


async def explain_text(
    connection: Connection, statement: Statement, arguments: Sequence[str | None], mode: Mode
) -> str:
    """The plan as PostgreSQL's text; see `explain_json`."""
    return "\n".join(await _explain(connection, statement, arguments, mode, "text"))


async def explain_json(
    connection: Connection, statement: Statement, arguments: Sequence[str | None], mode: Mode
) -> dict[str, Any]:
    """The plan as PostgreSQL's JSON: an object with `Plan`, `Execution Time` and so on.

    PostgreSQL converts the texts in `arguments` to the parameters' types. The statement runs, with its locks and
    triggers, in a transaction that is rolled back; only sequences keep what it took. Raises CannotExplain, and
    asyncpg's error for a statement that fails.
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
    # EXPLAIN and EXECUTE take no parameters, and only prepared statements have a generic plan.
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
    """A value as an SQL literal of unknown type, as quote_nullable() writes it."""
    if value is None:
        return "null"
    quoted = value.replace("'", "''")
    return f"'{quoted}'" if "\\" not in quoted else "E'" + quoted.replace("\\", "\\\\") + "'"
