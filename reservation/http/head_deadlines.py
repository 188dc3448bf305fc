"""Deadlines of request heads that have come in part.

A head that comes in one piece, as nearly all do, has none: one timer serves all others of a worker.
"""

import asyncio
from collections.abc import Callable


class HeadDeadlines:
    """What is to be called when a head has had its time: `limit_s` seconds from its first byte."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._loop = asyncio.get_running_loop()
        self._due: dict[object, tuple[float, Callable[[], None]]] = {}  # by connection, the earliest first
        self._timer: asyncio.TimerHandle | None = None

    def start(self, connection: object, end: Callable[[], None]) -> float:
        """Have `end` called when the time is over, in place of what the connection had before; when that will be.

        It is called whether or not the rest has come: to cancel would cost something for each head.
        """
        self.drop(connection)
        due_at = self._loop.time() + self.limit_s
        self._due[connection] = due_at, end
        if self._timer is None:
            self._timer = self._loop.call_at(due_at, self._end_due)
        return due_at

    def drop(self, connection: object) -> None:
        """Forget a connection, which has ended."""
        self._due.pop(connection, None)

    def _end_due(self) -> None:
        self._timer = None
        now = self._loop.time()
        for connection, (due_at, end) in list(self._due.items()):
            if due_at > now:
                self._timer = self._loop.call_at(due_at, self._end_due)
                break
            del self._due[connection]
            self._loop.call_soon(end)  # so that an error of one ends no other
