"""How many requests of API keys run at once in a worker, so that lists and administration do not delay sales.

A sale holds a connection to PostgreSQL for a millisecond or two. Lists and administration, the back office, may read
and lock a lot: of all API keys together, a few of them run at once, fewer than there are connections; others wait.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..db.connection_slots import kept_connections
from ..errors import TooManyRequests
from ..limit_texts import BACK_OFFICE, KEY_CONCURRENCY

WAIT_S = 1.0
MAX_WAITING = 100  # back-office requests in one worker
RETRY_AFTER_S = 1


class ApiKeyLimits:
    """The limits of one worker: on back-office requests of all keys together, and on requests of each key."""

    def __init__(self, *, back_office: int, per_key: int, connections: int) -> None:
        self._back_office = asyncio.Semaphore(max(1, min(back_office, connections - 1 - kept_connections(connections))))
        self._per_key = per_key
        self._running: dict[int, int] = {}
        self._waiting = 0

    @asynccontextmanager
    async def limit(self, key_id: int, *, is_back_office: bool) -> AsyncIterator[None]:
        """Run the block as one of the key's requests; raises TooManyRequests.

        At the key's own limit it raises at once; at the back office's it first waits a second, in order of arrival.
        """
        running = self._running.get(key_id, 0)
        if running >= self._per_key:
            raise TooManyRequests(RETRY_AFTER_S, KEY_CONCURRENCY)
        self._running[key_id] = running + 1
        try:
            if is_back_office:
                await self._acquire_back_office()
            try:
                yield
            finally:
                if is_back_office:
                    self._back_office.release()
        finally:
            self._running[key_id] -= 1
            if not self._running[key_id]:
                del self._running[key_id]

    async def _acquire_back_office(self) -> None:
        if self._waiting >= MAX_WAITING:
            raise TooManyRequests(RETRY_AFTER_S, BACK_OFFICE)
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._back_office.acquire()
        except TimeoutError:
            raise TooManyRequests(RETRY_AFTER_S, BACK_OFFICE) from None
        finally:
            self._waiting -= 1
