"""Natural batching: what queued while the last batch was in flight goes as the next one.

There is no timer: a caller who finds nobody in front goes at once, alone, and under load the batches grow by
themselves to whatever arrived during a round trip.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context
from time import perf_counter
from typing import Generic, NamedTuple, TypeVar

from ..errors import Overloaded, Unavailable
from .timing import Span, Timings, current_timings, start_timings

PATIENCE_S = 1.0
LOOK_EVERY_S = 0.1

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class _Waiting(NamedTuple, Generic[Item, Answer]):
    """A caller, what it asked for, and since when."""

    item: Item
    answer: "asyncio.Future[Answer]"
    timings: Timings | None
    since: float


class Batcher(Generic[Item, Answer]):
    """Gathers what concurrent callers submit, and runs it together.

    `run` gets 1 to `max_batch` items and answers as many outcomes in their order; one that is an exception is raised to
    its caller alone. What `run` itself raises fails the whole batch, every caller of it, and
    those who queue as well if a store took its time to prove unavailable. What is to follow before the callers have
    their outcomes, but need not keep up the next batch, is `after_batch`; it gets the outcomes. `lanes` batches are in
    flight at once; `max_waiting` callers may queue, and the next one is Overloaded. Time in the queue counts as a wait
    for `waits_for`.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        max_batch: int,
        max_waiting: int = 10_000,
        lanes: int = 1,
        waits_for: Span = "pool",
        after_batch: Callable[[Sequence[Answer | Exception]], Awaitable[None]] | None = None,
    ) -> None:
        self._run = run
        self._after_batch = after_batch
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waits_for = waits_for
        self._waiting: deque[_Waiting[Item, Answer]] = deque()
        self._busy: set[asyncio.Task[None]] = set()
        self._idle = lanes
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look_again_at = 0.0

    async def submit(self, item: Item) -> Answer:
        """The outcome for this item; a caller that is cancelled while it queues is left out of the batch."""
        if len(self._waiting) >= self._max_waiting and not self._forget_the_gone():
            raise Overloaded
        loop = self._loop
        if loop is None:  # asked once: in Python 3.11, to ask costs a system call
            loop = self._loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(_Waiting(item, answer, current_timings(), perf_counter()))
        if self._idle:
            # The task starts in the loop's next round: whoever else submits in this one is in its first batch. It has
            # a context of its own, since it works for many: no caller's request id, no caller's timings.
            self._idle -= 1
            self._start(loop, self._lane())
        return await answer

    def _start(self, loop: asyncio.AbstractEventLoop, work: Coroutine[None, None, None]) -> None:
        task = loop.create_task(work, context=Context())
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    def _forget_the_gone(self) -> bool:
        """Leave out those who were cancelled while they queued; answers whether there is room now."""
        now = perf_counter()
        if now < self._look_again_at:
            return False  # looking through a full queue for every caller it refuses would make matters worse
        self._look_again_at = now + LOOK_EVERY_S
        self._waiting = deque(waiting for waiting in self._waiting if not waiting.answer.done())
        return len(self._waiting) < self._max_waiting

    async def _lane(self) -> None:
        try:
            while batch := self._next():
                await self._run_batch(batch)
        finally:
            self._idle += 1

    def _next(self) -> list[_Waiting[Item, Answer]]:
        batch: list[_Waiting[Item, Answer]] = []
        while self._waiting and len(batch) < self._max_batch:
            waiting = self._waiting.popleft()
            if not waiting.answer.done():  # else its caller has gone
                batch.append(waiting)
        return batch

    async def _run_batch(self, batch: Sequence[_Waiting[Item, Answer]]) -> None:
        started, timings = perf_counter(), start_timings()
        try:
            outcomes = await self._run([waiting.item for waiting in batch])
            if len(outcomes) != len(batch):
                raise RuntimeError(f"a batch of {len(batch)} has {len(outcomes)} outcomes")
        except BaseException as error:
            failed = list(batch)
            if isinstance(error, Unavailable) and perf_counter() - started >= PATIENCE_S:
                # Behind a store that hangs, those who queue would wait for one timeout after the other.
                failed += self._waiting
                self._waiting.clear()
            for waiting in failed:
                self._count(waiting, started, timings)
                _fail(waiting.answer, error)
            if not isinstance(error, Exception):
                raise  # somebody ends this task
            return
        if self._after_batch is None or self._loop is None:
            self._answer(batch, outcomes, started, timings)
        else:
            self._start(self._loop, self._follow(self._after_batch, batch, outcomes, started, timings))

    async def _follow(
        self,
        after_batch: Callable[[Sequence[Answer | Exception]], Awaitable[None]],
        batch: Sequence[_Waiting[Item, Answer]],
        outcomes: Sequence[Answer | Exception],
        started: float,
        timings: Timings,
    ) -> None:
        followed = start_timings()
        try:
            await after_batch(outcomes)
        except BaseException as error:
            for waiting in batch:
                self._count(waiting, started, timings)
                _fail(waiting.answer, error)
            if not isinstance(error, Exception):
                raise
            return
        timings.add(followed)
        self._answer(batch, outcomes, started, timings)

    def _answer(
        self,
        batch: Sequence[_Waiting[Item, Answer]],
        outcomes: Sequence[Answer | Exception],
        started: float,
        timings: Timings,
    ) -> None:
        for waiting, outcome in zip(batch, outcomes, strict=True):
            self._count(waiting, started, timings)
            if isinstance(outcome, Exception):
                _fail(waiting.answer, outcome)
            elif not waiting.answer.done():
                waiting.answer.set_result(outcome)

    def _count(self, waiting: _Waiting[Item, Answer], started: float, timings: Timings) -> None:
        if waiting.timings is not None:
            waiting.timings.add(timings)
            waiting.timings.count(self._waits_for, max(0.0, started - waiting.since))


def _fail(answer: "asyncio.Future[Answer]", error: BaseException) -> None:
    if answer.done():
        return
    if isinstance(error, asyncio.CancelledError):
        answer.cancel()
    else:
        answer.set_exception(error)
