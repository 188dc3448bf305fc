"""A task that is told to end does, also where redis-py drops the cancellation."""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from reservation.task_ends import end, is_cancelled

MOST_TURNS = 12  # of the loop, which is when a command has been sent


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, socket_timeout=5.0) as client:
        await client.ping()
        yield client


async def after(turns: int, task: "asyncio.Task[None]") -> None:
    """Cancel it when the loop has turned so often."""
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()


async def test_tasks_end_whenever_they_are_told_to(redis: Redis) -> None:
    dropped = 0
    for turns in range(MOST_TURNS):
        done = 0

        async def ping_for_ever() -> None:
            nonlocal done
            while True:
                await redis.ping()
                done += 1
                # As whatever runs for ever: without it, on a machine so busy that all answers are there when the loop
                # comes to turn, every cancellation meets an answer.
                await asyncio.sleep(0.02)

        task = asyncio.create_task(ping_for_ever())
        await after(turns, task)
        start = done
        async with asyncio.timeout(20):
            while not task.done() and done < start + 3:
                await asyncio.sleep(0)
            dropped += not task.done()
            await end([task])
        assert task.cancelled()
    assert dropped or sys.version_info >= (3, 12)  # else once would do


async def test_a_loop_that_asks_ends_by_itself(redis: Redis) -> None:
    async def ping_until_cancelled() -> None:
        while not is_cancelled():
            await redis.ping()

    for turns in range(MOST_TURNS):
        task = asyncio.create_task(ping_until_cancelled())
        await after(turns, task)
        async with asyncio.timeout(20):
            await asyncio.wait([task])
