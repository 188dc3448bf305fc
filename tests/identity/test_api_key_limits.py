"""How many requests of machine clients run at once."""

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


async def work(turns: ApiKeyLimits, key_id: int, done: asyncio.Event) -> None:
    async with turns.turn(key_id, is_back_office=True):
        await done.wait()


async def test_a_key_has_so_many_turns_and_no_more() -> None:
    turns = ApiKeyLimits(back_office=2, of_a_key=3, connections=10)
    for _ in range(2):  # what was given back can be had again
        async with AsyncExitStack() as stack:
            for _ in range(3):
                await stack.enter_async_context(turns.turn(1, is_back_office=False))
            with pytest.raises(TooManyRequests) as refused:
                await stack.enter_async_context(turns.turn(1, is_back_office=False))
            assert refused.value.retry_after_s == 1
            await stack.enter_async_context(turns.turn(2, is_back_office=False))
    assert turns._running == {}


async def test_a_turn_that_fails_is_given_back() -> None:
    turns = ApiKeyLimits(back_office=1, of_a_key=1, connections=10)
    for is_back_office in (False, True, False, True):
        with pytest.raises(ZeroDivisionError):
            async with turns.turn(1, is_back_office=is_back_office):
                raise ZeroDivisionError
    assert turns._running == {}


@pytest.mark.parametrize(
    ("wanted", "connections", "turns_there_are"), [(2, 10, 2), (10, 10, 9), (1000, 3, 2), (2, 2, 1), (2, 1, 1)]
)
async def test_the_back_office_leaves_a_connection(wanted: int, connections: int, turns_there_are: int) -> None:
    turns = ApiKeyLimits(back_office=wanted, of_a_key=1000, connections=connections)
    done = asyncio.Event()
    tasks = [asyncio.create_task(work(turns, number, done)) for number in range(turns_there_are)]
    assert await waits(tasks[-1])
    assert turns._waiting == 0
    next_one = asyncio.create_task(work(turns, 99, done))
    assert await waits(next_one)
    assert turns._waiting == 1
    async with turns.turn(99, is_back_office=False):  # a sale need not wait
        pass
    done.set()
    await asyncio.gather(*tasks, next_one)


async def test_who_waits_has_a_turn_in_the_end() -> None:
    turns = ApiKeyLimits(back_office=1, of_a_key=10, connections=10)
    first, second, third = asyncio.Event(), asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(work(turns, 1, done)) for done in (first, second, third)]
    assert await waits(tasks[0])
    third.set()
    assert await waits(tasks[2])  # it could be done at once, but the second came before
    first.set()
    second.set()
    await asyncio.gather(*tasks)


async def test_who_has_waited_long_enough_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_key_limits, "WAIT_S", 0.01)
    turns = ApiKeyLimits(back_office=1, of_a_key=10, connections=10)
    async with turns.turn(1, is_back_office=True):
        with pytest.raises(TooManyRequests):
            async with turns.turn(2, is_back_office=True):
                pass
    async with turns.turn(2, is_back_office=True):
        assert turns._running == {2: 1}


async def test_who_goes_away_takes_no_turn_along() -> None:
    turns = ApiKeyLimits(back_office=1, of_a_key=10, connections=10)
    done = asyncio.Event()
    running, waiting = (asyncio.create_task(work(turns, 1, done)) for _ in range(2))
    assert await waits(waiting)
    waiting.cancel()
    await asyncio.wait([waiting])
    done.set()
    await running
    async with turns.turn(1, is_back_office=True):
        assert (turns._running, turns._waiting) == ({1: 1}, 0)


async def test_not_even_waiting_is_without_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_key_limits, "MAX_WAITING", 1)
    turns = ApiKeyLimits(back_office=1, of_a_key=10, connections=10)
    done = asyncio.Event()
    tasks = [asyncio.create_task(work(turns, 1, done)) for _ in range(2)]
    assert await waits(tasks[1])
    with pytest.raises(TooManyRequests):
        await work(turns, 1, done)
    done.set()
    await asyncio.gather(*tasks)
