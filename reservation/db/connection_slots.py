"""The queue for connections: lanes in their order, the newest request first once the queue stands.

A request that waits is refused in time for its client to be told within 0.1 s. As long as the queue was empty a moment
ago it is a burst, which may take PATIENCE of the target to drain. A queue that has not been empty for longer than
that will not drain: then each request waits for STANDING of the target only, and the newest one is served first,
since the oldest ones are about to be refused anyway. The queue of a lane is what waits in it and in those before it: a
flood of lists delays no holds.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

from ..runtime.lanes import Lane
from ..settings import Settings

# Shares of the target.
PATIENCE, STANDING = 0.5, 0.15
CONFIRM_PATIENCE = 1.5  # a confirm has a hold to lose
# Connections that a lane leaves to those before it, if the pool has as many.
RESERVED = {Lane.CONFIRM: 0, Lane.HOLD: 1, Lane.ACCOUNT: 2, Lane.MAP: 1, Lane.LIST: 2, Lane.REPORT: 3}

KEPT_CONNECTIONS = 3  # by the batches of holds, of confirms and of look-ups
# With fewer connections, lists and logins would have fewer than with a pool of 5, of which none is kept.
MIN_SIZE_TO_KEEP = 8

LAST = max(Lane)

_Waiter = asyncio.Future[None]


class ConnectionSlots:
    """As many slots as the pool has connections; one has to be taken before a connection is.

    `kept` of them are for the connections that the batches keep. No lane gets them, also while a batch has none: after
    an error it gives its connection back, and takes another one for the next batch.
    """

    def __init__(self, size: int, *, kept: int, target_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._free = size
        self._not_held = kept  # of those that are to be kept
        self.usable = size - kept
        self.reserved = {lane: min(reserved, self.usable - 1) for lane, reserved in RESERVED.items()}
        # Without a lane those of batches and jobs, which are served first.
        self._waiting: dict[Lane | None, deque[_Waiter]] = {lane: deque() for lane in (None, *Lane)}
        self._target_s = target_s
        self._clock = clock
        # Since when the queue of each lane has not been empty.
        self._stands_since: dict[Lane | None, float | None] = dict.fromkeys(self._waiting)

    def is_standing(self, lane: Lane) -> bool:
        """Whether requests of this lane, or of one before it, have been waiting for longer than a burst takes."""
        since = self._stands_since[lane]
        return since is not None and self._clock() - since > PATIENCE * self._target_s

    async def take(self, lane: Lane | None, wait_s: float, *, is_kept: bool = False) -> None:
        """Wait for a slot; TimeoutError if there is none in time. Without a lane it is for a batch or a job.

        A batch works for requests of all lanes, so it is served first, and waits up to `wait_s`; `is_kept`: it is one
        of those that keep their connections. A request overtakes none that may have the slot: each slot that becomes
        free is handed out to those that wait for it.
        """
        self._not_held -= is_kept
        if self._available(lane) > 0:
            self._free -= 1
            return
        await self._wait(lane, wait_s if lane is None else min(wait_s, self._patience_s(lane)), is_kept=is_kept)

    def give(self, *, is_kept: bool = False) -> None:
        """Give a slot back, that of a batch as `take` was asked for it."""
        self._not_held += is_kept
        self._free += 1
        if self._stands_since[LAST] is not None:  # else nothing waits, in any lane
            self._hand_out()

    def _available(self, lane: Lane | None) -> int:
        """How many slots may be taken."""
        return self._free if lane is None else self._free - self._not_held - self.reserved[lane]

    async def _wait(self, lane: Lane | None, wait_s: float, *, is_kept: bool) -> None:
        loop = asyncio.get_running_loop()
        waiter: _Waiter = loop.create_future()
        self._waiting[lane].append(waiter)
        self._note_what_stands()
        timer = loop.call_later(wait_s, _expire, waiter)
        try:
            await waiter
        except BaseException:
            self._not_held += is_kept
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give()  # it was handed over in the round of the event loop in which this task is cancelled
            raise
        finally:
            timer.cancel()
            self._forget(lane, waiter)

    def _hand_out(self) -> None:
        for lane, waiting in self._waiting.items():
            while waiting and self._available(lane) > 0:
                waiter = waiting.pop() if lane is not None and self.is_standing(lane) else waiting.popleft()
                if not waiter.done():
                    self._free -= 1
                    waiter.set_result(None)
        self._note_what_stands()

    def _forget(self, lane: Lane | None, waiter: _Waiter) -> None:
        if waiter in self._waiting[lane]:
            self._waiting[lane].remove(waiter)
        self._note_what_stands()

    def _note_what_stands(self) -> None:
        is_empty = True
        for lane, waiting in self._waiting.items():
            is_empty = is_empty and not waiting
            if is_empty:
                self._stands_since[lane] = None
            elif self._stands_since[lane] is None:
                self._stands_since[lane] = self._clock()

    def _patience_s(self, lane: Lane) -> float:
        if lane is Lane.CONFIRM:
            return CONFIRM_PATIENCE * self._target_s
        return (STANDING if self.is_standing(lane) else PATIENCE) * self._target_s


def slots_of(settings: Settings) -> ConnectionSlots | None:
    """Those of the service's pool; None if no request is refused for the load."""
    if not settings.queue_delay_ms:
        return None
    size = settings.pool_size
    return ConnectionSlots(size, kept=kept_connections(size), target_s=settings.queue_delay_ms / 1000)


def kept_connections(pool_size: int) -> int:
    """How many connections of a pool of this size the batches keep."""
    return KEPT_CONNECTIONS if pool_size >= MIN_SIZE_TO_KEEP else 0


def _expire(waiter: _Waiter) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
