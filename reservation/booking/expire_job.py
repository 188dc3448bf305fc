"""Holds that nobody confirmed get the status that they are read with anyway, some at a time and long after their end.

Nothing depends on it: a row that is held past its time counts as expired wherever it is read. It spares that second
thought to whoever looks at the table with a tool of their own. The mark up to which it has come is in Redis, which may
lose it: then it goes through the table once more, at the same pace.
"""

from contextlib import suppress
from uuid import UUID

from redis.asyncio import Redis

from ..db.pool import Database
from ..db.repository import reservations

MARK_KEY = "reservation:expired_up_to"
LOOKED_AT_ONCE = 1_000
MAX_BATCHES = 100  # of a run: 3,300 holds a second, and a bound on what a run reads, however large the table is
MARGIN_S = 60  # longer than a confirm that was in time can take

_LOWEST = UUID(int=0)


async def expire_past_holds(redis: Redis, database: Database, *, age_s: int, margin_s: int = MARGIN_S) -> int:
    """Mark holds as expired that ended `margin_s` ago and are older than `age_s` seconds; answers how many.

    Raises Unavailable and RedisError. A row that is locked is left to the next run.
    """
    mark, retired = await _mark(redis), 0
    for _ in range(MAX_BATCHES):
        async with database.connection() as conn:
            done = await reservations.expire_holds(
                conn, mark=mark, age_s=age_s, margin_s=margin_s, row_limit=LOOKED_AT_ONCE
            )
        retired += done.retired
        if done.mark is None or done.mark == mark:
            break
        mark = done.mark
        await redis.set(MARK_KEY, str(mark))
    return retired


async def _mark(redis: Redis) -> UUID:
    """Where the last run came to; the beginning, where nobody knows."""
    with suppress(ValueError):
        return UUID(str(await redis.get(MARK_KEY)))
    return _LOWEST
