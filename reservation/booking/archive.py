"""Reservations of showtimes that are long over go into an archive: a row each, in about half the bytes.

In small statements, each of which moves its reservations whole or not at all, so it can be stopped at any moment and
started again, beside the service. It waits for no lock: what somebody has locked is left for the next time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ..db.pool import Database
from ..db.repository import archive as repository

# No key and no hold that could still ask for what is moved lives for more than a day; a week is to be sure.
LEAST_AGE_DAYS = 7
SHOWTIMES_A_PAGE = 100
MOVED_AT_ONCE = 500

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
    """Move the reservations of all showtimes that ended `before`; `advance` is told of each page of showtimes.

    Raises Unavailable; what was moved until then is moved, and the next time goes on from there.
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
    """Move as many as can be, a transaction for each piece."""
    moved, at_once = 0, MOVED_AT_ONCE
    while at_once == MOVED_AT_ONCE:
        async with database.connection() as conn:
            at_once = await repository.move_reservations(
                conn, showtime_ids=showtime_ids, before=before, row_limit=MOVED_AT_ONCE
            )
        moved += at_once
    return moved
