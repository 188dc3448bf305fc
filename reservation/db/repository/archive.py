"""The archive of old reservations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..pool import Connection
from ..statements import sql
from .rows import every


@dataclass(frozen=True, slots=True)
class EndedShowtime:
    """A showtime that is over."""

    id: int
    starts_at: datetime


async def count_ended(conn: Connection, *, before: datetime) -> int:
    """How many showtimes ended before a moment."""
    count: int = await conn.fetchval(sql("archive/count_ended"), before)
    return count


async def list_ended(
    conn: Connection, *, after_start: datetime, after_id: int, before: datetime, row_limit: int
) -> Sequence[EndedShowtime]:
    """A page of the showtimes that ended before a moment, in the order of their start."""
    return await every(conn, EndedShowtime, "archive/list_ended", after_start, after_id, before, row_limit)


async def move_reservations(conn: Connection, *, showtime_ids: Sequence[int], before: datetime, row_limit: int) -> int:
    """Move some of the showtimes' reservations that were made before a moment into the archive; returns how many."""
    return len(await conn.fetch(sql("archive/move_reservations"), showtime_ids, before, row_limit))


async def count_left(conn: Connection, *, showtime_ids: Sequence[int]) -> int:
    """How many reservations the showtimes still have."""
    count: int = await conn.fetchval(sql("archive/count_left"), showtime_ids)
    return count
