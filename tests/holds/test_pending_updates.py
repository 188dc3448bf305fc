"""Updates that failed are repeated in few round trips, and one that Redis refuses does not delay the others."""

import asyncio
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
import structlog
from redis.asyncio import Redis

from reservation.errors import HoldsUnavailable
from reservation.holds import pending_updates
from reservation.holds.map_versions import MapVersions
from reservation.holds.pending_updates import RETRIED_AT_ONCE, PendingUpdates
from reservation.holds.release_calls import HoldRelease
from reservation.holds.store import Holds
from tests.faults.proxy import Proxy
from tests.holds.conftest import LivePrimer, OpenHolds
from tests.holds.test_connection import writes_paused

SHOWTIMES = range(1, 3 * RETRIED_AT_ONCE + 1)
REFUSED = 7
LOG = structlog.stdlib.get_logger("tests")


async def reads(redis: Redis) -> int:
    """How often Redis has read from its clients' connections."""
    return int((await redis.info("stats"))["total_reads_processed"])


async def answers(holds: Holds) -> bool:
    try:
        await holds.ping()
    except HoldsUnavailable:
        return False
    return True


async def until_repeated(pending: PendingUpdates) -> None:
    async with asyncio.timeout(30):
        while pending.has_pending:
            await asyncio.sleep(0.01)


async def is_writable(holds: Holds) -> bool:
    try:
        await holds.check_writable()
    except HoldsUnavailable:
        return False
    return True


@pytest.mark.parametrize("what", ["releases", "layouts"])
async def test_pending_updates_are_repeated_in_batches_past_one_that_redis_refuses(
    redis: Redis, redis_url: str, what: str, open_holds: OpenHolds
) -> None:
    async with Proxy(redis_url) as proxy, Redis.from_url(proxy.url, decode_responses=True) as through_proxy:
        holds = open_holds(through_proxy, LivePrimer())
        before = {showtime_id: (await holds.state(showtime_id)).version for showtime_id in SHOWTIMES}
        await redis.set(f"{{{REFUSED}}}:map", "another type")
        pending = PendingUpdates(holds, LOG)
        await proxy.cut()
        if what == "releases":
            await pending.release([HoldRelease(showtime_id, uuid4(), [1]) for showtime_id in SHOWTIMES])
        else:
            await pending.bump_layouts(SHOWTIMES)
        assert pending.has_pending
        with pytest.raises(HoldsUnavailable):
            await pending.retry()
        await proxy.open()
        async with asyncio.timeout(30):
            while not await answers(holds):  # the first call may meet a connection from before the cut
                await asyncio.sleep(0.05)
        at_first = await reads(redis)

        await pending.retry()

        assert await reads(redis) - at_first < 60  # a long command may take Redis a few reads
        for showtime_id in SHOWTIMES:
            if showtime_id != REFUSED:
                assert await redis.hget(f"{{{showtime_id}}}:map", "version") == str(before[showtime_id] + 1)
        assert pending.has_pending
        await redis.delete(f"{{{REFUSED}}}:map")
        await pending.retry()
        assert not pending.has_pending


async def test_updates_beyond_the_most_that_wait_are_dropped_and_counted(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, open_holds: OpenHolds
) -> None:
    monkeypatch.setattr(pending_updates, "MAX_PENDING", 3)
    async with Proxy(redis_url) as proxy, Redis.from_url(proxy.url, decode_responses=True) as through_proxy:
        pending = PendingUpdates(open_holds(through_proxy, LivePrimer()), LOG)
        await proxy.cut()
        await pending.release([HoldRelease(showtime_id, uuid4(), [1]) for showtime_id in range(1, 5)])
        await pending.bump_layouts([1, 2])
        assert pending.dropped == 1
        await pending.bump_layouts([3, 4])
        assert pending.dropped == 2


@pytest.mark.parametrize("hangs", [True, False], ids=["redis hung", "redis was away"])
async def test_pending_updates_are_repeated_as_soon_as_redis_answers_again(
    redis: Redis, redis_url: str, hangs: bool
) -> None:
    """Without the job that repeats them once a second."""
    async with Proxy(redis_url) as proxy, Redis.from_url(proxy.url, decode_responses=True) as through_proxy:
        holds = Holds(through_proxy, LivePrimer(), MapVersions(), wait_s=0.1)
        pending = PendingUpdates(holds, LOG)
        holds.server.on_answering = pending.retry_soon
        before = await holds.state(1)
        async with AsyncExitStack() as stack:
            if hangs:
                await stack.enter_async_context(writes_paused(redis))
            else:
                await proxy.cut()
            await pending.release([HoldRelease(1, uuid4(), [1])])
            await pending.release([HoldRelease(1, uuid4(), [2])])
            assert pending.has_pending
        if not hangs:
            await proxy.open()
            async with asyncio.timeout(30):
                while not await is_writable(holds):  # as the check of Redis does, which runs in each worker
                    await asyncio.sleep(0.05)
        await until_repeated(pending)
        assert (await holds.state(1)).version >= before.version + 2
        await holds.aclose()
