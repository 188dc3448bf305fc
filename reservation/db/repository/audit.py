"""What must always hold, asked of the whole database at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from ..statements import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

TIMEOUT_S = 600.0  # a statement; the service's own limit is for requests


@dataclass(frozen=True, slots=True)
class Finding:
    """Who breaks a rule and how; `found` is how many do, of whom no more than the limit are answered."""

    subject: str
    detail: str
    found: int


@dataclass(frozen=True, slots=True)
class UnbackedHold:
    """The place, in the arrays given, of a hold that no live hold stands behind; None: no such reservation."""

    place: int
    status: str | None


async def open_snapshot(conn: Connection, *, work_mem: str) -> None:
    """Lift the time limit of this transaction, and give each of its sorts this much memory (such as "64MB")."""
    await conn.execute(sql("audit/open_snapshot"), f"{TIMEOUT_S:.0f}s", work_mem)


async def seats_sold_twice(conn: Connection, *, row_limit: int) -> Sequence[Finding]:
    """Seats with more than one owner."""
    return await _findings(conn, sql("audit/seats_sold_twice"), row_limit)


async def seats_not_booked(conn: Connection, *, row_limit: int) -> Sequence[Finding]:
    """Seats that confirmed reservations paid for and do not own."""
    return await _findings(conn, sql("audit/seats_not_booked"), row_limit)


async def seats_not_reserved(conn: Connection, *, row_limit: int) -> Sequence[Finding]:
    """Booked seats that their reservation did not ask for, or of another showtime."""
    return await _findings(conn, sql("audit/seats_not_reserved"), row_limit)


async def seats_not_confirmed(conn: Connection, *, row_limit: int) -> Sequence[Finding]:
    """Booked seats of reservations that are not confirmed."""
    return await _findings(conn, sql("audit/seats_not_confirmed"), row_limit)


async def seats_of_other_rooms(conn: Connection, *, row_limit: int) -> Sequence[Finding]:
    """Reserved seats of another auditorium than the showtime's."""
    return await _findings(conn, sql("audit/seats_of_other_rooms"), row_limit)


async def wrong_totals(conn: Connection, *, row_limit: int) -> Sequence[Finding]:
    """Reservations whose total is not the sum of their seats' prices."""
    return await _findings(conn, sql("audit/wrong_totals"), row_limit)


async def reservations_without_seats(conn: Connection, *, row_limit: int) -> Sequence[Finding]:
    """Reservations of nothing."""
    return await _findings(conn, sql("audit/reservations_without_seats"), row_limit)


async def overlapping_showtimes(conn: Connection, *, row_limit: int) -> Sequence[Finding]:
    """Showtimes that start in an occupied room."""
    return await _findings(conn, sql("audit/overlapping_showtimes"), row_limit)


async def archived_and_kept(conn: Connection, *, row_limit: int) -> Sequence[Finding]:
    """Archived reservations that are still where they were moved from."""
    return await _findings(conn, sql("audit/archived_and_kept"), row_limit)


async def archived_seats_sold_twice(conn: Connection, *, row_limit: int) -> Sequence[Finding]:
    """Seats of archived reservations with more than one owner."""
    return await _findings(conn, sql("audit/archived_seats_sold_twice"), row_limit)


async def archived_wrong_totals(conn: Connection, *, row_limit: int) -> Sequence[Finding]:
    """Archived reservations whose total is not the sum of their seats' prices."""
    return await _findings(conn, sql("audit/archived_wrong_totals"), row_limit)


async def unbacked_holds(
    conn: Connection,
    *,
    reservation_ids: Sequence[UUID | None],
    showtime_ids: Sequence[int],
    seat_ids: Sequence[int],
) -> Sequence[UnbackedHold]:
    """Which of these holds in Redis have no live hold behind them."""
    rows = await conn.fetch(sql("audit/unbacked_holds"), reservation_ids, showtime_ids, seat_ids, timeout=TIMEOUT_S)
    return [UnbackedHold(**row) for row in rows]


async def _findings(conn: Connection, statement: str, row_limit: int) -> Sequence[Finding]:
    rows = await conn.fetch(statement, row_limit, timeout=TIMEOUT_S)
    return [Finding(**row) for row in rows]
