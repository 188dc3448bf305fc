"""How many requests of API keys run at once."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from reservation.errors import TooManyRequests
from reservation.identity import api_key_limits
from reservation.identity.api_key_limits import ApiKeyLimits


async def waits(task: "asyncio.Task[None]") -> bool:
    """Whether it is still waiting once everything that can run has."""
    for _ in range(5):
        await asyncio.sleep(0)
    return not task.done()


async def work(limits: ApiKeyLimits, key_id: int, done: asyncio.Event) -> None:
    async with limits.limit(key_id, is_back_office=True):
        await done.wait()


async def test_a_key_over_its_limit_is_refused() -> None:
    limits = ApiKeyLimits(back_office=2, per_key=3, connections=10)
    for _ in range(2):  # a finished request makes room
        async with AsyncExitStack() as stack:
            for _ in range(3):
                await stack.enter_async_context(limits.limit(1, is_back_office=False))
            with pytest.raises(TooManyRequests) as refused:
                await stack.enter_async_context(limits.limit(1, is_back_office=False))
            assert refused.value.retry_after_s == 1
            await stack.enter_async_context(limits.limit(2, is_back_office=False))
    assert limits._running == {}


async def test_a_request_that_fails_makes_room() -> None:
    limits = ApiKeyLimits(back_office=1, per_key=1, connections=10)
    for is_back_office in (False, True, False, True):
        with pytest.raises(ZeroDivisionError):
            async with limits.limit(1, is_back_office=is_back_office):
                raise ZeroDivisionError
    assert limits._running == {}


@pytest.mark.parametrize(
    ("wanted", "connections", "most"),
    [(2, 10, 2), (10, 10, 6), (10, 8, 4), (10, 7, 6), (1000, 5, 4), (1000, 3, 2), (2, 2, 1), (2, 1, 1)],
)
async def test_the_back_office_leaves_one_connection_free(wanted: int, connections: int, most: int) -> None:
    limits = ApiKeyLimits(back_office=wanted, per_key=1000, connections=connections)
    done = asyncio.Event()
    tasks = [asyncio.create_task(work(limits, number, done)) for number in range(most)]
    assert await waits(tasks[-1])
    assert limits._waiting == 0
    next_one = asyncio.create_task(work(limits, 99, done))
    assert await waits(next_one)
    assert limits._waiting == 1
    async with limits.limit(99, is_back_office=False):  # a sale need not wait
        pass
    done.set()
    await asyncio.gather(*tasks, next_one)


async def test_waiting_requests_run_in_order_of_arrival() -> None:
    limits = ApiKeyLimits(back_office=1, per_key=10, connections=10)
    first, second, third = asyncio.Event(), asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(work(limits, 1, done)) for done in (first, second, third)]
    assert await waits(tasks[0])
    third.set()
    assert await waits(tasks[2])  # it could be done at once, but the second came before
    first.set()
    second.set()
    await asyncio.gather(*tasks)


async def test_a_request_is_refused_after_a_bounded_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_key_limits, "WAIT_S", 0.01)
    limits = ApiKeyLimits(back_office=1, per_key=10, connections=10)
    async with limits.limit(1, is_back_office=True):
        with pytest.raises(TooManyRequests):
            async with limits.limit(2, is_back_office=True):
                pass
    async with limits.limit(2, is_back_office=True):
        assert limits._running == {2: 1}


async def test_a_cancelled_waiting_request_takes_no_slot() -> None:
    limits = ApiKeyLimits(back_office=1, per_key=10, connections=10)
    done = asyncio.Event()
    running, waiting = (asyncio.create_task(work(limits, 1, done)) for _ in range(2))
    assert await waits(waiting)
    waiting.cancel()
    await asyncio.wait([waiting])
    done.set()
    await running
    async with limits.limit(1, is_back_office=True):
        assert (limits._running, limits._waiting) == ({1: 1}, 0)


async def test_the_number_of_waiting_requests_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_key_limits, "MAX_WAITING", 1)
    limits = ApiKeyLimits(back_office=1, per_key=10, connections=10)
    done = asyncio.Event()
    tasks = [asyncio.create_task(work(limits, 1, done)) for _ in range(2)]
    assert await waits(tasks[1])
    with pytest.raises(TooManyRequests):
        await work(limits, 1, done)
    done.set()
    await asyncio.gather(*tasks)
