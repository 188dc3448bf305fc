"""Batching without a timer: an idle batcher runs a request at once; those that arrive during a batch form the next one.

So a batch costs a single request no extra time, and grows with the load to what arrives during a round trip.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context
from time import perf_counter
from typing import Any, Generic, NamedTuple, TypeVar
from weakref import WeakSet

from ..errors import Overloaded, Unavailable
from .metrics import GaugeBy, HistogramBy, Key
from .timing import Timings, current_timings, start_timings

SLOW_FAILURE_S = 1.0
DROP_CANCELLED_EVERY_S = 0.1

BATCH_ITEMS = HistogramBy(
    "reservation_batch_items", "Requests in a batch.", "batch", bounds=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
BATCH_WAIT = HistogramBy("reservation_batch_wait_seconds", "Time that a request waited for its batch.", "batch")
BATCH_WAITING = GaugeBy("reservation_batch_waiting", "Requests that wait for a batch.", "batch")
BATCH_OLDEST = GaugeBy(
    "reservation_batch_oldest_seconds", "How long the first in the queue has been waiting.", "batch", merge="livemax"
)

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class _Waiting(NamedTuple, Generic[Item, Answer]):
    """A submitted item, the future that its caller awaits, and since when."""

    item: Item
    answer: "asyncio.Future[Answer]"
    timings: Timings | None
    since: float


class Batcher(Generic[Item, Answer]):
    """Runs the items of concurrent callers together.

    `run` gets 1 to `max_batch` items and returns as many outcomes in their order; an outcome that is an exception is
    raised to its caller alone. An exception of `run` itself is raised to every caller of the batch, and, if it is
    Unavailable and took SLOW_FAILURE_S, to those in the queue as well. `after_batch` gets the outcomes of a batch and
    runs before its callers get them, while the next batch may run already. `lanes` batches run at once. At most
    `max_waiting` callers may queue; one more gets Overloaded. Time in the queue is counted as a wait for the pool.
    Metrics have the name.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        max_batch: int,
        name: str = "other",
        max_waiting: int = 10_000,
        lanes: int = 1,
        after_batch: Callable[[Sequence[Answer | Exception]], Awaitable[None]] | None = None,
    ) -> None:
        self._run = run
        self._after_batch = after_batch
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self.name = name
        self._sizes, self._waits = BATCH_ITEMS.of(name), BATCH_WAIT.of(name)
        self._waiting: deque[_Waiting[Item, Answer]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle_lanes = lanes
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drop_cancelled_at = 0.0
        _batchers.add(self)

    @property
    def waiting(self) -> int:
        """How many wait for their batch."""
        return len(self._waiting)

    @property
    def oldest_s(self) -> float:
        """How long the first of them has been waiting; 0 if none is."""
        return perf_counter() - self._waiting[0].since if self._waiting else 0.0

    async def submit(self, item: Item) -> Answer:
        """The outcome for this item; if the caller is cancelled in the queue, the item is left out."""
        if len(self._waiting) >= self._max_waiting and not self._drop_cancelled():
            raise Overloaded
        loop = self._loop
        if loop is None:  # kept, since get_running_loop() is a system call in Python 3.11
            loop = self._loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(_Waiting(item, answer, current_timings(), perf_counter()))
        if self._idle_lanes:
            # The task starts in the next iteration of the loop, so what is submitted until then is in its first batch.
            self._idle_lanes -= 1
            self._start(loop, self._run_lane())
        return await answer

    def _start(self, loop: asyncio.AbstractEventLoop, work: Coroutine[None, None, None]) -> None:
        """Start a task in an empty context: it works for many callers, so it has the request id of none."""
        task = loop.create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _drop_cancelled(self) -> bool:
        """Remove the cancelled callers from the queue; whether there is room now."""
        now = perf_counter()
        if now < self._drop_cancelled_at:
            return False  # the queue is long: not for every caller that it refuses
        self._drop_cancelled_at = now + DROP_CANCELLED_EVERY_S
        self._waiting = deque(waiting for waiting in self._waiting if not waiting.answer.done())
        return len(self._waiting) < self._max_waiting

    async def _run_lane(self) -> None:
        try:
            while batch := self._next_batch():
                await self._run_batch(batch)
        finally:
            self._idle_lanes += 1

    def _next_batch(self) -> list[_Waiting[Item, Answer]]:
        batch: list[_Waiting[Item, Answer]] = []
        while self._waiting and len(batch) < self._max_batch:
            waiting = self._waiting.popleft()
            if not waiting.answer.done():  # else its caller was cancelled
                batch.append(waiting)
        return batch

    async def _run_batch(self, batch: Sequence[_Waiting[Item, Answer]]) -> None:
        started, timings = perf_counter(), start_timings()
        self._sizes.observe(len(batch))
        try:
            outcomes = await self._run([waiting.item for waiting in batch])
            if len(outcomes) != len(batch):
                raise RuntimeError(f"a batch of {len(batch)} has {len(outcomes)} outcomes")
        except BaseException as error:
            failed = list(batch)
            if isinstance(error, Unavailable) and perf_counter() - started >= SLOW_FAILURE_S:
                # Else those in the queue would wait for one timeout after another.
                failed += self._waiting
                self._waiting.clear()
            self._fail_all(failed, error, started, timings)
            if not isinstance(error, Exception):
                raise  # the task is cancelled
            return
        if self._after_batch is None or self._loop is None:
            self._answer(batch, outcomes, started, timings)
        else:
            self._start(self._loop, self._finish_batch(self._after_batch, batch, outcomes, started, timings))

    async def _finish_batch(
        self,
        after_batch: Callable[[Sequence[Answer | Exception]], Awaitable[None]],
        batch: Sequence[_Waiting[Item, Answer]],
        outcomes: Sequence[Answer | Exception],
        started: float,
        timings: Timings,
    ) -> None:
        timings_after = start_timings()
        try:
            await after_batch(outcomes)
        except BaseException as error:
            self._fail_all(batch, error, started, timings)
            if not isinstance(error, Exception):
                raise
            return
        timings.add(timings_after)
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

    def _fail_all(
        self, batch: Sequence[_Waiting[Item, Answer]], error: BaseException, started: float, timings: Timings
    ) -> None:
        for waiting in batch:
            self._count(waiting, started, timings)
            _fail(waiting.answer, error)

    def _count(self, waiting: _Waiting[Item, Answer], started: float, timings: Timings) -> None:
        waited_s = started - waiting.since if started > waiting.since else 0.0
        self._waits.observe(waited_s)
        if waiting.timings is not None:
            waiting.timings.add(timings, waited_s)


def _fail(answer: "asyncio.Future[Answer]", error: BaseException) -> None:
    if answer.done():
        return
    if isinstance(error, asyncio.CancelledError):
        answer.cancel()
    else:
        answer.set_exception(_copy(error))


def _copy(error: BaseException) -> BaseException:
    """An instance for one caller: raised in many tasks, a shared one would collect the tracebacks of all of them."""
    kind = type(error)
    copied = kind.__new__(kind, *error.args)  # not kind(...): some take other arguments than they keep
    copied.__dict__.update(error.__dict__)
    copied.__cause__ = error.__cause__
    return copied.with_traceback(error.__traceback__)


_batchers: "WeakSet[Batcher[Any, Any]]" = WeakSet()


def _waiting_by_name() -> dict[Key, float]:
    found: dict[Key, float] = {}
    for batcher in _batchers:
        found[batcher.name] = found.get(batcher.name, 0) + batcher.waiting
    return found


def _oldest_by_name() -> dict[Key, float]:
    found: dict[Key, float] = {}
    for batcher in _batchers:
        found[batcher.name] = max(found.get(batcher.name, 0.0), batcher.oldest_s)
    return found


BATCH_WAITING.read, BATCH_OLDEST.read = _waiting_by_name, _oldest_by_name
