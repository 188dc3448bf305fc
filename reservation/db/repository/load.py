"""Statements of sql/load: load users, their sessions, and the removal of what they booked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import asyncpg

from ..statements import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class LoadSession:
    """A login session of a load user."""

    user_id: int
    session_id: UUID


@dataclass(frozen=True, slots=True)
class DeletedReservation:
    """A deleted reservation, whose hold keys in Redis are to be dropped."""

    reservation_id: UUID
    showtime_id: int
    seat_ids: Sequence[int]


async def ensure_users(conn: Connection, *, user_count: int) -> None:
    """Make sure that the first load users exist."""
    await conn.execute(sql("load/ensure_users"), user_count)


async def open_sessions(conn: Connection, *, user_count: int, ttl_s: int) -> Sequence[LoadSession]:
    """A new login session for each of the first load users, in their order."""
    return [LoadSession(**row) for row in await conn.fetch(sql("load/open_sessions"), user_count, ttl_s)]


async def list_user_ids(conn: Connection) -> Sequence[int]:
    """The ids of all load users."""
    return [row["id"] for row in await conn.fetch(sql("load/list_user_ids"))]


async def delete_reservations(
    conn: Connection, *, user_ids: Sequence[int], row_limit: int
) -> Sequence[DeletedReservation]:
    """Delete a batch of these users' reservations; empty when none is left."""
    rows = await conn.fetch(sql("load/delete_reservations"), list(user_ids), row_limit)
    return [DeletedReservation(**row) for row in rows]


async def make_drill(conn: Connection, *, seats: int) -> int | None:
    """A showtime in a room of its own; None where there is no film to show."""
    showtime_id: int | None = await conn.fetchval(sql("load/make_drill"), seats)
    return showtime_id


async def delete_drills(conn: Connection) -> int:
    """Remove the drills' rooms and showtimes; how many rooms went."""
    return len(await conn.fetch(sql("load/delete_drills")))
