"""What may happen at an exchange, and how Redis loses its data."""

from redis.asyncio import Redis

from tests.faults.test_hold_promises import OwnRedis
from tests.interleavings.exchanges import Ending

# The request's end, and what becomes of Redis. Those with a Redis of their own take longer.
FAULTS: dict[str, tuple[Ending, str | None]] = {
    "waits": ("goes on", None),
    "is lost": ("is lost", None),
    "is killed": ("is killed", None),
    "waits while Redis is flushed": ("goes on", "flushed"),
    "waits while Redis is killed": ("goes on", "restarted"),
    "waits while Redis is restored": ("goes on", "restored"),
}


async def lose_data(own: OwnRedis, how: str, url: str) -> None:
    """Redis at `url` is flushed; or `own` is restarted without data, or restored with those that were saved last."""
    if how == "flushed":
        async with Redis.from_url(url) as client:
            await client.flushall()
        return
    if how == "restarted":
        async with Redis.from_url(own.url) as client:
            await client.flushall()
            await client.save()
    await own.restart()
