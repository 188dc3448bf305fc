"""A Redis client, and what PostgreSQL would say to Holds."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from reservation.holds.store import LiveHold, Prime


class Primer:
    """Answers as PostgreSQL would: live holds, and a version that grows; counts how often it was asked."""

    def __init__(self, *holds: LiveHold) -> None:
        self.holds = holds
        self.version = 1_000_000
        self.asked = 0

    async def __call__(self, showtime_id: int) -> Prime:
        self.asked += 1
        self.version += 1_000_000
        return Prime(self.version, self.holds)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client
