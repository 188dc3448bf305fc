"""A watched map tells of every change with its version and its seats; one that nobody watches says nothing."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from reservation.holds.store import HoldRelease, Holds, Prime, Watch, showtime_of

SHOWTIME = 42
CHANNEL = "reservation:maps:test"
LARGE = 1_795_415_159_628_612  # more digits than Lua writes of a number by itself


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def channel(redis: Redis) -> AsyncIterator[PubSub]:
    async with redis.pubsub() as channel:
        await channel.subscribe(CHANNEL)
        assert (await channel.get_message(timeout=5))["type"] == "subscribe"
        yield channel


@pytest.fixture
def holds(redis: Redis) -> Holds:
    async def prime(_: int) -> Prime:
        return Prime(LARGE, ())

    return Holds(redis, prime)


async def watch(holds: Holds, ttl_s: int = 60) -> Watch:
    [found] = await holds.watch([SHOWTIME], channel=CHANNEL, ttl_s=ttl_s)
    assert isinstance(found, Watch)
    return found


async def told(channel: PubSub) -> str:
    message = await channel.get_message(timeout=10)
    assert message is not None
    return str(message["data"])


async def take(holds: Holds, seat_ids: list[int], ttl_s: int = 60) -> HoldRelease:
    settlement = HoldRelease(SHOWTIME, uuid4(), seat_ids)
    lost = await holds.take(
        showtime_id=SHOWTIME, reservation_id=settlement.reservation_id, seat_ids=seat_ids, ttl_s=ttl_s
    )
    assert not lost
    return settlement


async def test_every_change_is_told(holds: Holds, channel: PubSub) -> None:
    assert await watch(holds) == Watch(LARGE, goes_on=False)
    settlement = await take(holds, [7, 8])
    assert await told(channel) == f"{{42}}:map {LARGE + 1} 7 8"
    await holds.release([settlement])
    assert await told(channel) == f"{{42}}:map {LARGE + 2} 7 8"
    await holds.bump_layouts([SHOWTIME])
    assert await told(channel) == f"{{42}}:map {LARGE + 3}"
    await take(holds, [9], ttl_s=1)
    assert await told(channel) == f"{{42}}:map {LARGE + 4} 9"
    async with asyncio.timeout(10):
        while (await holds.state(SHOWTIME)).version == LARGE + 4:
            await asyncio.sleep(0.05)
    assert await told(channel) == f"{{42}}:map {LARGE + 5} 9"
    assert await watch(holds) == Watch(LARGE + 5, goes_on=True)


async def test_nothing_is_told_that_has_not_changed(holds: Holds, redis: Redis, channel: PubSub) -> None:
    await watch(holds)
    await take(holds, [7])
    assert await told(channel)
    assert await holds.take(showtime_id=SHOWTIME, reservation_id=uuid4(), seat_ids=[7, 8], ttl_s=60) == {7}
    await holds.snapshots([SHOWTIME])
    await holds.state(SHOWTIME)
    await redis.publish(CHANNEL, "the end")
    assert await told(channel) == "the end"


async def test_watching_ends_by_itself(holds: Holds, redis: Redis, channel: PubSub) -> None:
    await watch(holds, ttl_s=1)
    async with asyncio.timeout(10):
        while await redis.hexists("{42}:map", "watched"):
            await holds.bump_layouts([SHOWTIME])
            await asyncio.sleep(0.05)
    assert not await redis.hexists("{42}:map", "channel")
    assert (await watch(holds)).goes_on is False


async def test_a_map_that_was_forgotten_begins_anew(holds: Holds, redis: Redis) -> None:
    await watch(holds)
    await redis.flushall()
    assert (await watch(holds)).goes_on is False


def test_keys_of_maps() -> None:
    assert showtime_of("{42}:map") == 42
    for other in ("{42}:held", "", "{x}:map", "{42}:seat:7"):
        with pytest.raises(ValueError, match="invalid literal"):
            showtime_of(other)
