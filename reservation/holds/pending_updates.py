"""Redis updates that follow a commit: done at once, or retried until Redis answers. PostgreSQL's decision stands."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from contextvars import Context
from itertools import chain, islice
from time import monotonic
from typing import TypeVar

from structlog.stdlib import BoundLogger

from ..errors import Unavailable
from . import metrics
from .release_calls import HoldRelease
from .store import Holds

MAX_PENDING = 100_000  # some 30 MB; beyond it, seats stay held until their holds expire or the sweep finds them
RETRIED_AT_ONCE = 256

Update = TypeVar("Update")


class PendingUpdates:
    """Updates for Redis, those that failed included; only `retry` raises when Redis does not answer."""

    def __init__(self, holds: Holds, log: BoundLogger) -> None:
        self._holds = holds
        self._log = log
        # Each update with the time, of `monotonic`, of its first failure.
        self._releases: deque[tuple[float, HoldRelease]] = deque()
        self._layouts: deque[tuple[float, int]] = deque()
        self.changed_showtimes: set[int] = set()  # booking/jobs/availability.py counts their seats for lists
        metrics.PENDING_UPDATES.read = lambda: len(self._releases) + len(self._layouts)
        metrics.OLDEST_PENDING_SECONDS.read = self._oldest_s
        self._is_retrying = False
        self._retry: asyncio.Task[None] | None = None
        self.dropped = 0  # updates beyond MAX_PENDING, which MapRecovery finds in PostgreSQL and announces

    @property
    def has_pending(self) -> bool:
        """Whether an update failed and was not repeated yet."""
        return bool(self._releases or self._layouts)

    async def release(self, releases: Sequence[HoldRelease]) -> None:
        """Increment the maps' versions and delete what the reservations no longer hold."""
        self.changed_showtimes.update([each.showtime_id for each in releases])
        try:
            failed = await self._holds.release(releases)
        except Unavailable:
            failed = releases
        for release in failed:
            self._log.warning(
                "release_postponed", showtime_id=release.showtime_id, reservation_id=str(release.reservation_id)
            )
        self._append(self._releases, failed)

    async def bump_layouts(self, showtime_ids: Sequence[int]) -> None:
        """Increment the versions of maps whose seats or prices changed."""
        self.changed_showtimes.update(showtime_ids)
        try:
            failed = await self._holds.bump_layouts(showtime_ids)
        except Unavailable:
            failed = showtime_ids
        if failed:
            self._log.warning("layout_bump_postponed", showtime_ids=[*failed])
            self._append(self._layouts, failed)

    async def retry(self) -> None:
        """Repeat the failed updates, RETRIED_AT_ONCE in a round trip; raises HoldsUnavailable when Redis is away.

        An update that Redis refuses goes to the end of the queue and is tried again by the next call. A call during
        another one does nothing.
        """
        if self._is_retrying:
            return
        self._is_retrying = True
        try:
            await self._retry_all()
        finally:
            self._is_retrying = False

    def retry_soon(self) -> None:
        """Repeat the failed updates in the background, if there are any: Redis answers again."""
        if self.has_pending and not self._is_retrying:
            self._retry = asyncio.create_task(self._retry_quietly(), context=Context())

    async def _retry_quietly(self) -> None:
        with suppress(Unavailable):  # the job tries again
            await self.retry()

    async def _retry_all(self) -> None:
        for _ in range(0, len(self._releases), RETRIED_AT_ONCE):
            releases = [*islice(self._releases, RETRIED_AT_ONCE)]
            _requeue(self._releases, releases, await self._holds.release([each for _, each in releases]))
        for _ in range(0, len(self._layouts), RETRIED_AT_ONCE):
            layouts = [*islice(self._layouts, RETRIED_AT_ONCE)]
            _requeue(self._layouts, layouts, await self._holds.bump_layouts([each for _, each in layouts]))

    def _oldest_s(self) -> float:
        """How long the oldest update has been pending, in seconds; 0 without any."""
        since = min((failed_at for failed_at, _ in chain(self._releases, self._layouts)), default=None)
        return 0.0 if since is None else monotonic() - since

    def _append(self, queue: deque[tuple[float, Update]], failed: Sequence[Update]) -> None:
        room, now = MAX_PENDING - len(queue), monotonic()
        queue.extend((now, each) for each in failed[:room])
        self.dropped += len(failed[room:])
        metrics.DROPPED_UPDATES.value += len(failed[room:])


def _requeue(
    queue: deque[tuple[float, Update]], tried: Sequence[tuple[float, Update]], refused: Sequence[Update]
) -> None:
    """Remove those that Redis has answered, which are the first ones, and append those that it refused."""
    for _ in tried:
        queue.popleft()
    left = iter(tried)
    for update in refused:  # in the order in which they were tried
        queue.append(next(each for each in left if each[1] is update))
