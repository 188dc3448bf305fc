"""What waits for a webhook that is made inactive is given up."""

from ..db.pool import Database
from ..db.repository import webhooks

ROWS_AT_ONCE = 1_000
MAX_BATCHES = 20


async def give_up_waiting(database: Database, *, webhook_id: int) -> None:
    """Make dead letters of what waits for a webhook that is not active; raises Unavailable.

    Each batch is a transaction of its own. What is left after the last one, or by a process that was killed, is
    given up when it is due. The change log has the webhook, and not each delivery.
    """
    for _ in range(MAX_BATCHES):
        async with database.connection() as conn:
            given_up = await webhooks.give_up(conn, webhook_id=webhook_id, row_limit=ROWS_AT_ONCE)
        if given_up < ROWS_AT_ONCE:
            return
