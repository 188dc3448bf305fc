"""At a worker's start: announce every seat map, since a killed worker may have committed a change without doing so."""

from redis.asyncio import Redis

from ..holds.hold_scan import scan_showtimes
from ..holds.pending_updates import PendingUpdates


async def announce_all(redis: Redis, pending_updates: PendingUpdates) -> None:
    """Count every map's version up; raises RedisError."""
    async for showtime_id in scan_showtimes(redis):
        await pending_updates.bump_layouts([showtime_id])
