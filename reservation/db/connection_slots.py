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
PATIENCE, STANDING = 0.75, 0.15
CONFIRM_PATIENCE = 1.5  # a confirm has a hold to lose
# Connections that a lane leaves to those before it, if the pool has as many.
RESERVED = {Lane.CONFIRM: 0, Lane.HOLD: 1, Lane.ACCOUNT: 2, Lane.MAP: 1, Lane.LIST: 2, Lane.REPORT: 3}

KEPT_CONNECTIONS = 3  # by the batches of holds, of confirms and of look-ups
MIN_SIZE_TO_KEEP = 6  # with fewer connections, kept ones would leave too few to others

_Waiter = asyncio.Future[None]


class ConnectionSlots:
    """As many slots as the pool has connections; one has to be taken before a connection is.

    `kept` of them are kept by the batches, and count for no lane.
    """

    def __init__(self, size: int, *, kept: int, target_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._free = size
        self.usable = size - kept
        self.reserved = {lane: min(reserved, self.usable - 1) for lane, reserved in RESERVED.items()}
        self._waiting: dict[Lane, deque[_Waiter]] = {lane: deque() for lane in Lane}
        self._target_s = target_s
        self._clock = clock
        # Since when the queue of each lane has not been empty.
        self._stands_since: dict[Lane, float | None] = dict.fromkeys(Lane)

    def is_standing(self, lane: Lane) -> bool:
        """Whether requests of this lane, or of one before it, have been waiting for longer than a burst takes."""
        since = self._stands_since[lane]
        return since is not None and self._clock() - since > PATIENCE * self._target_s

    async def take(self, lane: Lane | None, wait_s: float) -> None:
        """Wait for a slot; TimeoutError if there is none in time. Without a lane it is for a batch or a job.

        A batch works for requests of all lanes, so it is served first, and waits up to `wait_s`. A request overtakes
        none that may have the slot: each slot that becomes free is handed out to those that wait for it.
        """
        wanted = Lane.CONFIRM if lane is None else lane
        if self._free > self.reserved[wanted]:
            self._free -= 1
            return
        await self._wait(wanted, wait_s if lane is None else min(wait_s, self._patience_s(lane)))

    def give(self) -> None:
        """Give a slot back."""
        self._free += 1
        self._hand_out()

    async def _wait(self, lane: Lane, wait_s: float) -> None:
        loop = asyncio.get_running_loop()
        waiter: _Waiter = loop.create_future()
        self._waiting[lane].append(waiter)
        now_s = self._clock()
        for each, since in self._stands_since.items():
            if each >= lane and since is None:
                self._stands_since[each] = now_s
        timer = loop.call_later(wait_s, _expire, waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give()  # it was handed over in the same round of the event loop
            raise
        finally:
            timer.cancel()
            self._forget(lane, waiter)

    def _hand_out(self) -> None:
        for lane, waiting in self._waiting.items():
            while waiting and self._free > self.reserved[lane]:
                waiter = waiting.pop() if self.is_standing(lane) else waiting.popleft()
                if not waiter.done():
                    self._free -= 1
                    waiter.set_result(None)
        self._note_what_is_empty()

    def _forget(self, lane: Lane, waiter: _Waiter) -> None:
        if waiter in self._waiting[lane]:
            self._waiting[lane].remove(waiter)
        self._note_what_is_empty()

    def _note_what_is_empty(self) -> None:
        for lane, waiting in self._waiting.items():
            if waiting:
                break
            self._stands_since[lane] = None

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
