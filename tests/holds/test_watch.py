"""Every change of a watched map is published with its version and seats; of another map nothing is."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from reservation.holds.keys import showtime_of
from reservation.holds.map_states import Watch
from reservation.holds.prime import Prime
from reservation.holds.release_calls import HoldRelease
from reservation.holds.store import Holds
from tests.holds.conftest import OpenHolds

SHOWTIME = 42
CHANNEL = "reservation:maps:test"
LARGE = 1_795_415_159_628_612  # more digits than Lua writes of a number by itself


@pytest.fixture
async def channel(redis: Redis) -> AsyncIterator[PubSub]:
    async with redis.pubsub() as channel:
        await channel.subscribe(CHANNEL)
        assert (await channel.get_message(timeout=5))["type"] == "subscribe"
        yield channel


@pytest.fixture
def holds(redis: Redis, open_holds: OpenHolds) -> Holds:
    async def prime(_: int) -> Prime:
        return Prime(LARGE, ())

    return open_holds(redis, prime)


async def watch(holds: Holds, ttl_s: int = 60) -> Watch:
    [found] = await holds.watch([SHOWTIME], channel=lambda _: CHANNEL, ttl_s=ttl_s)
    assert isinstance(found, Watch)
    return found


async def published(channel: PubSub) -> str:
    message = await channel.get_message(timeout=10)
    assert message is not None
    return str(message["data"])


async def take(holds: Holds, seat_ids: list[int], ttl_s: int = 60) -> HoldRelease:
    release = HoldRelease(SHOWTIME, uuid4(), seat_ids)
    lost = await holds.take(
        showtime_id=SHOWTIME, reservation_id=release.reservation_id, seat_ids=seat_ids, ttl_ms=ttl_s * 1000
    )
    assert not lost
    return release


async def test_every_change_of_a_watched_map_is_published(holds: Holds, channel: PubSub) -> None:
    assert await watch(holds) == Watch(LARGE, since=LARGE)
    release = await take(holds, [7, 8])
    assert await published(channel) == f"{{42}}:map {LARGE + 1} 7 8"
    await holds.release([release])
    assert await published(channel) == f"{{42}}:map {LARGE + 2} 7 8"
    await holds.bump_layouts([SHOWTIME])
    assert await published(channel) == f"{{42}}:map {LARGE + 3}"
    await take(holds, [9], ttl_s=1)
    assert await published(channel) == f"{{42}}:map {LARGE + 4} 9"
    async with asyncio.timeout(10):
        while (await holds.state(SHOWTIME)).version == LARGE + 4:
            await asyncio.sleep(0.05)
    assert await published(channel) == f"{{42}}:map {LARGE + 5} 9"
    assert await watch(holds) == Watch(LARGE + 5, since=LARGE)


async def test_reads_and_refused_holds_publish_nothing(holds: Holds, redis: Redis, channel: PubSub) -> None:
    await watch(holds)
    await take(holds, [7])
    assert await published(channel)
    assert await holds.take(showtime_id=SHOWTIME, reservation_id=uuid4(), seat_ids=[7, 8], ttl_ms=60_000) == {7}
    await holds.snapshots([SHOWTIME])
    await holds.state(SHOWTIME)
    await redis.publish(CHANNEL, "the end")
    assert await published(channel) == "the end"


async def test_a_watch_expires(holds: Holds, redis: Redis, channel: PubSub) -> None:
    await watch(holds, ttl_s=1)
    async with asyncio.timeout(10):
        while await redis.hexists("{42}:map", "watched"):
            await holds.bump_layouts([SHOWTIME])
            await asyncio.sleep(0.05)
    assert not await redis.hexists("{42}:map", "channel")
    again = await watch(holds)
    assert again == Watch(again.version, since=again.version)
    assert again.since > LARGE
    # Nor does it look to a second worker as if nothing had been missed.
    await take(holds, [7])
    assert await watch(holds) == Watch(again.version + 1, since=again.version)


async def test_a_map_that_redis_lost_is_not_watched(holds: Holds, redis: Redis) -> None:
    await watch(holds)
    await take(holds, [7])
    await redis.flushall()
    await take(holds, [8])
    assert await watch(holds) == Watch(LARGE + 1, since=LARGE + 1)


def test_showtime_of_accepts_map_keys_only() -> None:
    assert showtime_of("{42}:map") == 42
    for other in ("{42}:held", "", "{x}:map", "{42}:seat:7"):
        with pytest.raises(ValueError, match="invalid literal"):
            showtime_of(other)
