"""A task that is told to end does, also where redis-py drops the cancellation."""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from reservation.runtime.cancellation import cancel_and_wait, is_cancel_requested

MAX_TURNS = 12  # of the loop, which is when a command has been sent


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, socket_timeout=5.0) as client:
        await client.ping()
        yield client


async def turn(times: int) -> None:
    """Let the loop turn so often."""
    for _ in range(times):
        await asyncio.sleep(0)


async def test_tasks_end_whenever_they_are_told_to(redis: Redis) -> None:
    async def ping_for_ever() -> None:
        while True:
            await redis.ping()
            # As whatever runs for ever does: without a wait, on a machine so busy that all answers are there when the
            # loop comes to turn, every cancellation meets an answer.
            await asyncio.sleep(0.02)

    dropped = 0
    for turns in range(MAX_TURNS):
        task = asyncio.create_task(ping_for_ever())
        await turn(turns)
        async with asyncio.timeout(20):
            await cancel_and_wait([task])
        assert task.cancelled()
        dropped += task.cancelling() > 1
    assert dropped or sys.version_info >= (3, 12)  # else once would do


async def test_a_loop_that_asks_ends_by_itself(redis: Redis) -> None:
    async def ping_until_cancelled() -> None:
        while not is_cancel_requested():
            await redis.ping()

    for turns in range(MAX_TURNS):
        task = asyncio.create_task(ping_until_cancelled())
        await turn(turns)
        task.cancel()
        async with asyncio.timeout(20):
            await asyncio.wait([task])
