"""How many requests of machine clients run at once, so that no back office keeps a customer waiting.

A sale takes a connection to PostgreSQL for a millisecond or two. The back office, which is lists and administration,
may read a lot and lock a lot: it has a few turns a worker, always fewer than there are connections, and waits for one.
A key that sends more at once than it may is told to wait itself.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import TooManyRequests

WAIT_S = 1.0
MAX_WAITING = 100  # for a turn of the back office, in one worker
RETRY_AFTER_S = 1


class ApiKeyLimits:
    """The turns of one worker: some for the back offices of all keys together, and some for each key."""

    def __init__(self, *, back_office: int, of_a_key: int, connections: int) -> None:
        self._back_office = asyncio.Semaphore(max(1, min(back_office, connections - 1)))
        self._of_a_key = of_a_key
        self._running: dict[int, int] = {}
        self._waiting = 0

    @asynccontextmanager
    async def turn(self, key_id: int, *, is_back_office: bool) -> AsyncIterator[None]:
        """Run the block as one of the key's requests; raises TooManyRequests.

        A key beyond its own limit is refused at once; what is back office and finds all turns taken waits for a second,
        behind those who came before.
        """
        running = self._running.get(key_id, 0)
        if running >= self._of_a_key:
            raise TooManyRequests(RETRY_AFTER_S)
        self._running[key_id] = running + 1
        try:
            if is_back_office:
                async with self._back_office_turn():
                    yield
            else:
                yield
        finally:
            left = self._running[key_id] - 1
            if left:
                self._running[key_id] = left
            else:
                del self._running[key_id]

    @asynccontextmanager
    async def _back_office_turn(self) -> AsyncIterator[None]:
        if self._waiting >= MAX_WAITING:
            raise TooManyRequests(RETRY_AFTER_S)
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._back_office.acquire()
        except TimeoutError:
            raise TooManyRequests(RETRY_AFTER_S) from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._back_office.release()
