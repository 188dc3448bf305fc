"""Give holds that ended long ago the status expired, with which they are read anyway.

Nothing depends on it: it is for those who query the table with tools of their own. The id to continue at is in Redis.
If Redis loses it, the job begins at the start of the table again.
"""

from contextlib import suppress
from uuid import UUID

from ...db.pool import Database
from ...db.repository import reservations
from ...runtime.redis_client import RedisClient
from ..metrics import HOLDS_EXPIRED

NEXT_ID_KEY = "reservation:expire_holds_from"
ROWS_A_BATCH = 1_000
MAX_BATCHES = 100  # a run: 3,300 holds a second, and a bound on what it reads, however large the table is
MARGIN_S = 60  # longer than a confirm that was in time can take

_LOWEST = UUID(int=0)


async def expire_past_holds(redis: RedisClient, database: Database, *, age_s: int, margin_s: int = MARGIN_S) -> int:
    """Mark holds as expired that ended `margin_s` seconds ago and are older than `age_s` seconds; returns how many.

    Raises Unavailable and RedisError. A row that is locked is left for the next run.
    """
    next_id, expired = await _read_next_id(redis), 0
    for _ in range(MAX_BATCHES):
        async with database.connection() as conn:
            batch = await reservations.expire_holds(
                conn, first_id=next_id, age_s=age_s, margin_s=margin_s, row_limit=ROWS_A_BATCH
            )
        expired += batch.expired
        HOLDS_EXPIRED.value += batch.expired
        if batch.next_id is None or batch.next_id == next_id:
            break
        next_id = batch.next_id
        await redis.set(NEXT_ID_KEY, str(next_id))
    return expired


async def _read_next_id(redis: RedisClient) -> UUID:
    with suppress(ValueError):
        return UUID(str(await redis.get(NEXT_ID_KEY)))
    return _LOWEST
