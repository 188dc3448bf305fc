"""Deletes events and deliveries that have been kept long enough, and measures what waits."""

from ..db.pool import Database
from ..db.repository import deliveries, events
from . import metrics

KEPT_DAYS = 30
ROWS_AT_ONCE = 1_000
MAX_BATCHES = 100  # a run
MOST_COUNTED = 10_000


class OldDeliveries:
    """Deletes old deliveries, some in each run; after the last one it begins anew."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after_id = 0

    async def delete(self) -> None:
        """Look at the next ones; raises Unavailable."""
        for _ in range(MAX_BATCHES):
            async with self._database.connection() as conn:
                last_id = await deliveries.delete_old(
                    conn, after_id=self._after_id, kept_days=KEPT_DAYS, row_limit=ROWS_AT_ONCE
                )
            self._after_id = last_id or 0
            if last_id is None:
                return


async def delete_old_events(database: Database) -> None:
    """Delete the events that are older than KEPT_DAYS; raises Unavailable."""
    for _ in range(MAX_BATCHES):
        async with database.connection() as conn:
            deleted = await events.delete_old(conn, kept_days=KEPT_DAYS, row_limit=ROWS_AT_ONCE)
        if deleted < ROWS_AT_ONCE:
            return


async def measure(database: Database) -> None:
    """Read how much waits, and for how long; raises Unavailable."""
    async with database.connection() as conn:
        found = await deliveries.find_figures(conn, row_limit=MOST_COUNTED)
    metrics.WAITING.values |= {
        "outbox": found.outbox_rows,
        "mail": found.mails_waiting,
        "webhook": found.webhooks_waiting,
        "dead": found.dead,
    }
    metrics.DELAY_SECONDS.values |= {
        "outbox": found.outbox_age_s,
        "mail": found.mail_delay_s,
        "webhook": found.webhook_delay_s,
    }
