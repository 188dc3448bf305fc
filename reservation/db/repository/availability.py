"""How many seats of showtimes are left, from counters that jobs keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..pool import Connection
from ..statements import sql
from .rows import every


@dataclass(frozen=True, slots=True)
class Availability:
    """The seats of a showtime's room, those that are left, and the lowest price; None without seats."""

    showtime_id: int
    capacity: int
    seats_left: int
    price_from: Decimal | None


@dataclass(frozen=True, slots=True)
class OpenShowtime:
    """A showtime that may still be sold."""

    id: int
    starts_at: datetime


async def find_availability(conn: Connection, *, showtime_ids: Sequence[int]) -> dict[int, Availability]:
    """The availability of each showtime that there is."""
    rows = await every(conn, Availability, "availability/find_availability", showtime_ids)
    return {row.showtime_id: row for row in rows}


async def count_taken(conn: Connection, *, showtime_ids: Sequence[int]) -> None:
    """Count the taken seats of showtimes, each given once."""
    await conn.execute(sql("availability/count_taken"), showtime_ids)


async def list_expired(conn: Connection, *, row_limit: int) -> Sequence[int]:
    """The showtimes of which a counted hold has expired."""
    return [row["showtime_id"] for row in await conn.fetch(sql("availability/list_expired"), row_limit)]


async def list_open(
    conn: Connection, *, after_start: datetime | None, after_id: int, row_limit: int
) -> Sequence[OpenShowtime]:
    """The next showtimes that are not over, after a start and id; from the first one on with None and 0."""
    return await every(conn, OpenShowtime, "availability/list_open", after_start, after_id, row_limit)
