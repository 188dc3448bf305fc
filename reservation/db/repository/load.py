"""Statements of sql/load: load users, their sessions, and the removal of what they booked."""

from collections.abc import Sequence
from typing import TypeAlias
from uuid import UUID

import asyncpg

from ..statements import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def ensure_users(conn: Connection, *, user_count: int) -> None:
    """Make sure that the first load users exist."""
    await conn.execute(sql("load/ensure_users"), user_count)


async def open_sessions(conn: Connection, *, user_count: int, ttl_s: int) -> Sequence[tuple[int, UUID]]:
    """A new login session for each of the first load users, in their order: the ids of the user and the session."""
    rows = await conn.fetch(sql("load/open_sessions"), user_count, ttl_s)
    return [(row["user_id"], row["session_id"]) for row in rows]


async def list_user_ids(conn: Connection) -> Sequence[int]:
    """The ids of all load users."""
    return [row["id"] for row in await conn.fetch(sql("load/list_user_ids"))]


async def count_leftovers(conn: Connection, *, user_ids: Sequence[int]) -> tuple[int, int]:
    """How many reservations these users have, and how many rooms drills have made."""
    row = await conn.fetchrow(sql("load/count_leftovers"), list(user_ids))
    return (row["reservations"], row["drills"]) if row is not None else (0, 0)


async def delete_reservations(
    conn: Connection, *, user_ids: Sequence[int], row_limit: int
) -> Sequence[tuple[int, UUID, Sequence[int]]]:
    """Delete a batch of these users' reservations: their showtimes, ids and seats; empty when none is left."""
    rows = await conn.fetch(sql("load/delete_reservations"), list(user_ids), row_limit)
    return [(row["showtime_id"], row["reservation_id"], row["seat_ids"]) for row in rows]


async def make_drill(conn: Connection, *, seats: int) -> int | None:
    """A showtime in a room of its own; None where there is no film to show."""
    showtime_id: int | None = await conn.fetchval(sql("load/make_drill"), seats)
    return showtime_id


async def delete_drills(conn: Connection) -> int:
    """Remove the drills' rooms and showtimes; how many rooms went."""
    return len(await conn.fetch(sql("load/delete_drills")))
