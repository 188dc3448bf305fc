"""How many requests of machine clients run at once, so that no report keeps a customer waiting.

A report may read a lot; a sale takes a connection to PostgreSQL for a millisecond or two. Reports have a few turns a
worker, always fewer than there are connections, and wait for one; a key that sends more at once than it may is told to
wait itself.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .errors import TooManyRequests

REPORT_WAIT_S = 1.0
MOST_WAITING = 100  # reports of one worker
RETRY_AFTER_S = 1


class KeyTurns:
    """The turns of one worker: some for all reports together, and some for each key."""

    def __init__(self, *, reports: int, of_a_key: int, connections: int) -> None:
        self._reports = asyncio.Semaphore(max(1, min(reports, connections - 1)))
        self._of_a_key = of_a_key
        self._running: dict[int, int] = {}
        self._waiting = 0

    @asynccontextmanager
    async def turn(self, key_id: int, *, is_report: bool) -> AsyncIterator[None]:
        """Run the block as one of the key's requests; raises TooManyRequests.

        A key beyond its own limit is refused at once; a report that finds all turns taken waits for a second, behind
        those who came before.
        """
        running = self._running.get(key_id, 0)
        if running >= self._of_a_key:
            raise TooManyRequests(RETRY_AFTER_S)
        self._running[key_id] = running + 1
        try:
            if is_report:
                async with self._report():
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
    async def _report(self) -> AsyncIterator[None]:
        if self._waiting >= MOST_WAITING:
            raise TooManyRequests(RETRY_AFTER_S)
        self._waiting += 1
        try:
            async with asyncio.timeout(REPORT_WAIT_S):
                await self._reports.acquire()
        except TimeoutError:
            raise TooManyRequests(RETRY_AFTER_S) from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._reports.release()
