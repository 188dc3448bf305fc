"""Concurrent callers share round trips, and readers of one map share the reading."""

import asyncio

from redis.asyncio import Redis

from reservation.errors import HoldsUnavailable
from reservation.holds.map_states import MapState
from tests.holds.conftest import LivePrimer, OpenHolds


async def scripts_run(redis: Redis) -> int:
    statistics = await redis.info("commandstats")
    return int(statistics.get("cmdstat_evalsha", {"calls": 0})["calls"])


async def test_readers_of_a_map_at_the_same_moment_cost_redis_one_call(redis: Redis, open_holds: OpenHolds) -> None:
    holds = open_holds(redis, LivePrimer())
    expected = [await holds.state(42), await holds.state(43)]
    before = await scripts_run(redis)

    found = await asyncio.gather(*(holds.state(showtime_id) for showtime_id in (42, 43) for _ in range(100)))

    assert found == [state for state in expected for _ in range(100)]
    assert await scripts_run(redis) - before == 2


async def test_readers_of_a_map_that_redis_refuses_get_an_error_each(redis: Redis, open_holds: OpenHolds) -> None:
    holds = open_holds(redis, LivePrimer())
    good = await holds.state(42)
    await redis.set("{43}:map", "another type")

    found = await asyncio.gather(*(holds.state(each) for each in (42, 43, 43)), return_exceptions=True)

    assert found[0] == good == MapState(good.version, good.layout)
    assert [type(error) for error in found[1:]] == [HoldsUnavailable] * 2
    assert found[1] is not found[2]
