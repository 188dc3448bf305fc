"""Rows of statements as dataclasses: columns become fields by name."""

from collections.abc import Sequence
from typing import Any, TypeVar

import asyncpg

from ...errors import InUse
from ..pool import Connection
from ..statements import sql

Row = TypeVar("Row")

# Why a row cannot be deleted, by the table that refers to it.
_RESERVED = "It has been reserved, so it cannot be deleted."
_DEPENDENTS = {
    "auditoriums": "It has auditoriums, so it cannot be deleted before them.",
    "showtimes": "It has showtimes, so it cannot be deleted before them.",
    "reservations": _RESERVED,
    "archived_reservations": _RESERVED,
    "reservation_changes": _RESERVED,
    "booked_seats": _RESERVED,
}


async def one(conn: Connection, kind: type[Row], statement: str, *args: Any) -> Row:
    """The row of a statement that always returns one."""
    found = await maybe(conn, kind, statement, *args)
    if found is None:
        raise LookupError(f"{statement} answered no row")
    return found


async def maybe(conn: Connection, kind: type[Row], statement: str, *args: Any) -> Row | None:
    """The row of a statement, or None."""
    row = await conn.fetchrow(sql(statement), *args)
    return None if row is None else kind(**row)


async def every(conn: Connection, kind: type[Row], statement: str, *args: Any) -> list[Row]:
    """All rows of a statement."""
    return [kind(**row) for row in await conn.fetch(sql(statement), *args)]


def arrays(items: Sequence[object], *fields: str) -> list[list[Any]]:
    """The values of each of these fields of the items, as a statement on many rows takes them."""
    return [[getattr(item, field) for item in items] for field in fields]


async def delete_unused(conn: Connection, statement: str, row_id: int) -> int | None:
    """Run a `delete ... where id = $1 returning ...`; returns its value, or None if there was no row.

    Raises InUse if a foreign key refers to the row. This is not in the pool's table of constraints, because a violation
    of the same foreign key by an insert means something else: the row that it refers to does not exist.
    """
    try:
        deleted: int | None = await conn.fetchval(sql(statement), row_id)
    except (asyncpg.ForeignKeyViolationError, asyncpg.RestrictViolationError) as error:
        raise InUse(_DEPENDENTS.get(error.table_name or "")) from error
    return deleted
