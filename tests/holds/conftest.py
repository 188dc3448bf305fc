"""A Redis client, and what PostgreSQL would say to Holds."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from reservation.holds.map_versions import MapVersions
from reservation.holds.prime import LiveHold, Prime, Primer
from reservation.holds.store import Holds


class LivePrimer:
    """Answers as PostgreSQL would: live holds, and a version that grows; counts how often it was asked."""

    def __init__(self, *holds: LiveHold) -> None:
        self.holds = holds
        self.version = 1_000_000
        self.asked = 0

    async def __call__(self, showtime_id: int) -> Prime:
        self.asked += 1
        self.version += 1_000_000
        return Prime(self.version, self.holds)


OpenHolds = Callable[[Redis, Primer], Holds]


@pytest.fixture
async def open_holds() -> AsyncIterator[OpenHolds]:
    """Constructs Holds, and closes them after the test."""
    async with AsyncExitStack() as stack:

        def construct(redis: Redis, primer: Primer) -> Holds:
            holds = Holds(redis, primer, MapVersions())
            stack.push_async_callback(holds.aclose)
            return holds

        yield construct


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client
