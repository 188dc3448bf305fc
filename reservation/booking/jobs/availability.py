"""Count the taken seats of showtimes, for lists: soon after a change, when holds expire, and now and then all of them.

No hold and no confirm depends on a count, and none waits for one. A worker counts what it has changed itself; what a
killed worker did not count is found by the round over all open showtimes.
"""

from collections.abc import Sequence
from datetime import datetime

from ...db.pool import Database
from ...db.repository import availability

COUNTED_AT_ONCE = 200
MAX_STATEMENTS = 20  # a run, some 5 ms each: then others get their turn


async def count_changed(database: Database, changed: set[int]) -> None:
    """Count the showtimes that this worker has changed, and empty the set; raises Unavailable and leaves them in it."""
    for _ in range(MAX_STATEMENTS):
        if not changed:
            return
        showtime_ids = [changed.pop() for _ in range(min(COUNTED_AT_ONCE, len(changed)))]
        try:
            await _count(database, showtime_ids)
        except BaseException:
            changed.update(showtime_ids)
            raise


async def count_expired(database: Database) -> None:
    """Count the showtimes of which a counted hold has expired; raises Unavailable."""
    for _ in range(MAX_STATEMENTS):
        async with database.connection() as conn:
            showtime_ids = await availability.list_expired(conn, row_limit=COUNTED_AT_ONCE)
            if showtime_ids:
                await availability.count_taken(conn, showtime_ids=showtime_ids)
        if len(showtime_ids) < COUNTED_AT_ONCE:
            return


class OpenShowtimesRound:
    """Counts all open showtimes, some in each run, the soonest first, and then begins anew."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after: tuple[datetime | None, int] = (None, 0)

    async def count_next(self) -> None:
        """Count the next ones; raises Unavailable."""
        async with self._database.connection() as conn:
            start, last_id = self._after
            found = await availability.list_open(conn, after_start=start, after_id=last_id, row_limit=COUNTED_AT_ONCE)
            if found:
                await availability.count_taken(conn, showtime_ids=[each.id for each in found])
        self._after = (found[-1].starts_at, found[-1].id) if len(found) == COUNTED_AT_ONCE else (None, 0)


async def _count(database: Database, showtime_ids: Sequence[int]) -> None:
    async with database.connection() as conn:
        await availability.count_taken(conn, showtime_ids=showtime_ids)
