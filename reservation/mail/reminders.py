"""The job that reminds customers of showtimes that start soon."""

from ..db.pool import Database
from ..db.repository import mails

SHOWTIMES_AT_ONCE = 20
MAX_BATCHES = 50  # a run


async def add_reminders(database: Database, *, reminder_s: int) -> None:
    """Add the mails for all showtimes that start within some seconds and were not added yet; raises Unavailable.

    A statement adds those of some showtimes and notes them; what is left after a run, or its end, is for the next one.
    """
    for _ in range(MAX_BATCHES):
        async with database.connection() as conn:
            noted = await mails.add_reminders(conn, reminder_s=reminder_s, row_limit=SHOWTIMES_AT_ONCE)
        if noted < SHOWTIMES_AT_ONCE:
            return
