"""The queue for connections: the order of lanes, the newest first once the queue stands, and how long each waits."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from reservation.db.connection_slots import PATIENCE, RESERVED, ConnectionSlots, kept_connections
from reservation.runtime.lanes import Lane

SIZE, KEPT = 10, 3
LONG_S = 60.0
TARGET_S = 600.0  # nothing expires while a test looks


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def slots(clock: Clock) -> ConnectionSlots:
    """Those of a pool whose batches have taken theirs."""
    made = ConnectionSlots(SIZE, kept=KEPT, target_s=TARGET_S, clock=clock)
    for _ in range(KEPT):
        await made.take(None, LONG_S, is_kept=True)
    return made


async def take_free(slots: ConnectionSlots, lane: Lane | None) -> int:
    """Take what a lane can have at once; return how many."""
    for number in range(SIZE + 1):
        waiting = asyncio.create_task(slots.take(lane, LONG_S))
        await asyncio.sleep(0)
        if not waiting.done():
            waiting.cancel()
            await asyncio.wait([waiting])
            return number
    raise AssertionError


@asynccontextmanager
async def queue(slots: ConnectionSlots, lanes: Sequence[Lane | None]) -> AsyncIterator[list[int]]:
    """Let requests wait one after the other; gives the numbers of those that have got a slot, in their order."""
    served: list[int] = []

    async def wait(number: int, lane: Lane | None) -> None:
        await slots.take(lane, LONG_S)
        served.append(number)

    tasks = []
    for number, lane in enumerate(lanes):
        tasks.append(asyncio.create_task(wait(number, lane)))
        await asyncio.sleep(0)
    yield served
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def give(slots: ConnectionSlots, times: int = 1) -> None:
    for _ in range(times):
        slots.give()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.mark.parametrize("lane", [*Lane, None])
async def test_a_lane_leaves_connections_to_those_before_it(slots: ConnectionSlots, lane: Lane | None) -> None:
    left = 0 if lane is None else RESERVED[lane]
    assert await take_free(slots, lane) == SIZE - KEPT - left
    assert await take_free(slots, Lane.CONFIRM) == left


async def test_a_connection_that_a_batch_has_given_back_is_kept_for_the_next(slots: ConnectionSlots) -> None:
    await take_free(slots, None)
    async with queue(slots, [Lane.CONFIRM, Lane.LIST]) as served:
        slots.give(is_kept=True)
        await asyncio.sleep(0)
        assert served == []
        assert await take_free(slots, Lane.CONFIRM) == 0
        async with asyncio.timeout(LONG_S):
            await slots.take(None, LONG_S, is_kept=True)
        await give(slots)
        assert served == [0]


async def test_a_batch_is_before_a_confirm_and_may_have_any_connection(slots: ConnectionSlots) -> None:
    slots.give(is_kept=True)
    await take_free(slots, None)  # jobs have the connection of the batch
    confirm = asyncio.create_task(slots.take(Lane.CONFIRM, LONG_S))
    await asyncio.sleep(0)
    for _ in range(2):
        batch = asyncio.create_task(slots.take(None, LONG_S, is_kept=True))
        await asyncio.sleep(0)
        batch.cancel()  # the second when it has got the connection
        slots.give()
        await asyncio.wait([batch])
        assert batch.cancelled()
    await give(slots)
    assert confirm.done()


@pytest.mark.parametrize("lane", Lane)
async def test_no_lane_of_a_larger_pool_has_fewer_connections_than_of_a_pool_of_five(lane: Lane) -> None:
    """Also where the batches begin to keep some."""

    async def of_pool(size: int) -> int:
        return await take_free(ConnectionSlots(size, kept=kept_connections(size), target_s=TARGET_S), lane)

    least = await of_pool(5)
    assert [size for size in range(5, SIZE + 1) if await of_pool(size) < least] == []


async def test_a_small_pool_leaves_every_lane_a_connection() -> None:
    for size in (1, 2, 3):
        for lane in Lane:
            assert await take_free(ConnectionSlots(size, kept=0, target_s=TARGET_S), lane) >= 1


async def test_lanes_are_served_in_their_order(slots: ConnectionSlots) -> None:
    await take_free(slots, None)
    async with queue(slots, [Lane.REPORT, Lane.LIST, Lane.MAP, Lane.HOLD, Lane.CONFIRM]) as served:
        await give(slots, 5 + RESERVED[Lane.REPORT])
        assert served == [4, 3, 2, 1, 0]


async def test_a_new_request_does_not_overtake_one_of_its_lane(slots: ConnectionSlots) -> None:
    await take_free(slots, None)
    async with queue(slots, [Lane.HOLD, Lane.HOLD]) as served:
        await give(slots, 1 + RESERVED[Lane.HOLD])
        assert served == [0]


async def test_the_oldest_is_first_in_a_burst_and_the_newest_in_a_queue_that_stands(
    slots: ConnectionSlots, clock: Clock
) -> None:
    await take_free(slots, None)
    async with queue(slots, [Lane.CONFIRM] * 4) as served:
        await give(slots)
        clock.now_s += PATIENCE * TARGET_S + 1
        await give(slots)
        assert served == [0, 3]


async def test_a_queue_that_was_empty_does_not_stand(slots: ConnectionSlots, clock: Clock) -> None:
    await take_free(slots, None)
    async with queue(slots, [Lane.CONFIRM]) as served:
        clock.now_s += PATIENCE * TARGET_S + 1
        assert slots.is_standing(Lane.CONFIRM)
        await give(slots)
        assert served == [0]
    assert not any(map(slots.is_standing, Lane))


async def test_a_queue_stands_for_its_lane_and_those_after_it(slots: ConnectionSlots, clock: Clock) -> None:
    """A flood of lists makes no hold wait for less."""
    await take_free(slots, None)
    async with queue(slots, [Lane.LIST]) as served:
        clock.now_s += PATIENCE * TARGET_S / 2
        async with queue(slots, [Lane.MAP]):
            clock.now_s += PATIENCE * TARGET_S / 2 + 1
            assert [lane for lane in Lane if slots.is_standing(lane)] == [Lane.LIST, Lane.REPORT]
            clock.now_s += PATIENCE * TARGET_S / 2
            assert [lane for lane in Lane if slots.is_standing(lane)] == [Lane.MAP, Lane.LIST, Lane.REPORT]
        await asyncio.sleep(0)
        assert [lane for lane in Lane if slots.is_standing(lane)] == [Lane.LIST, Lane.REPORT]
        async with queue(slots, [Lane.HOLD, Lane.HOLD]) as burst:
            await give(slots, 1 + RESERVED[Lane.HOLD])
            assert burst == [0]
        assert served == []


async def test_a_lane_takes_a_connection_for_which_none_waits(slots: ConnectionSlots) -> None:
    """More connections are reserved from accounts than from maps: those that accounts leave free, maps take."""
    await take_free(slots, Lane.ACCOUNT)
    async with queue(slots, [Lane.ACCOUNT]) as served:
        assert await take_free(slots, Lane.MAP) == RESERVED[Lane.ACCOUNT] - RESERVED[Lane.MAP]
        assert served == []


async def test_a_request_waits_for_its_patience_and_a_batch_for_the_longest_time() -> None:
    slots = ConnectionSlots(1, kept=0, target_s=0.02)
    await slots.take(None, LONG_S)
    batch = asyncio.create_task(slots.take(None, LONG_S))

    for lane in Lane:
        with pytest.raises(TimeoutError):
            await slots.take(lane, LONG_S)

    assert not batch.done()
    slots.give()
    await batch
    slots.give()
    assert await take_free(slots, Lane.REPORT) == 1


async def test_a_slot_of_a_cancelled_request_is_given_to_the_next(slots: ConnectionSlots) -> None:
    await take_free(slots, None)
    first = asyncio.create_task(slots.take(Lane.CONFIRM, LONG_S))
    await asyncio.sleep(0)
    second = asyncio.create_task(slots.take(Lane.CONFIRM, LONG_S))
    await asyncio.sleep(0)

    slots.give()  # to the first, which is cancelled before it runs
    first.cancel()
    await asyncio.wait([first])

    await asyncio.wait_for(second, LONG_S)
    assert first.cancelled()
