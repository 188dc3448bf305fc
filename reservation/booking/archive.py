"""Move the reservations of past showtimes into the archive, one row each, in about half the bytes.

Each statement moves up to 500 reservations and commits by itself, so the archive can be interrupted and run again,
beside the service. It waits for no lock: what another session has locked is left for the next run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ..db.pool import Database
from ..db.repository import archive as repository

# No idempotency key is replayed after a day; a week is on the safe side.
LEAST_AGE_DAYS = 7
SHOWTIMES_A_PAGE = 100
ROWS_A_BATCH = 500

_FAR_BACK = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Archived:
    """How many reservations were moved, of how many showtimes, and how many were left."""

    reservations: int
    showtimes: int
    left: int


async def count_showtimes(database: Database, *, before: datetime) -> int:
    """How many showtimes ended before a moment."""
    async with database.connection() as conn:
        return await repository.count_ended(conn, before=before)


async def archive(database: Database, *, before: datetime, advance: Callable[[int], None]) -> Archived:
    """Move the reservations of all showtimes that ended `before`; `advance` gets the number of showtimes of each page.

    Raises Unavailable; what was moved before stays moved.
    """
    moved = left = showtimes = 0
    after_start, after_id = _FAR_BACK, 0
    while True:
        async with database.connection() as conn:
            page = await repository.list_ended(
                conn, after_start=after_start, after_id=after_id, before=before, row_limit=SHOWTIMES_A_PAGE
            )
        if not page:
            return Archived(moved, showtimes, left)
        ids = [showtime.id for showtime in page]
        moved += await _move_all(database, ids, before)
        async with database.connection() as conn:
            left += await repository.count_left(conn, showtime_ids=ids)
        showtimes += len(page)
        after_start, after_id = page[-1].starts_at, page[-1].id
        advance(len(page))


async def _move_all(database: Database, showtime_ids: list[int], before: datetime) -> int:
    moved, batch = 0, ROWS_A_BATCH
    while batch == ROWS_A_BATCH:
        async with database.connection() as conn:
            batch = await repository.move_reservations(
                conn, showtime_ids=showtime_ids, before=before, row_limit=ROWS_A_BATCH
            )
        moved += batch
    return moved
