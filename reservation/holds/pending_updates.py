"""Telling Redis what PostgreSQL has decided: at once, or as soon as it answers again.

The decision stands whether or not Redis hears of it.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from structlog.stdlib import BoundLogger

from ..errors import HoldsUnavailable, Unavailable
from .store import HoldRelease, Holds

MAX_PENDING = 100_000  # some 20 MB; what is beyond it is mended by the end of the holds, or by the next change


class PendingUpdates:
    """What Redis has still to hear; no method raises because Redis does not answer, except `again`."""

    def __init__(self, holds: Holds, log: BoundLogger) -> None:
        self._holds = holds
        self._log = log
        self._releases: deque[HoldRelease] = deque()
        self._layouts: set[int] = set()

    @property
    def has_pending(self) -> bool:
        """Whether there is something that Redis has not heard of."""
        return bool(self._releases or self._layouts)

    async def release(self, releases: Sequence[HoldRelease]) -> None:
        """Announce changes to seat maps, and drop what the reservations hold no more."""
        try:
            missed = await self._holds.release(releases)
        except Unavailable:
            missed = releases
        for release in missed:
            self._log.warning(
                "release_put_off", showtime_id=release.showtime_id, reservation_id=str(release.reservation_id)
            )
            if len(self._releases) < MAX_PENDING:
                self._releases.append(release)

    async def bump_layouts(self, showtime_ids: Sequence[int]) -> None:
        """Count the versions of seat maps up, whose prices or seats an administrator has changed."""
        try:
            await self._holds.bump_layouts(showtime_ids)
        except Unavailable:
            self._log.warning("announcement_put_off", showtime_ids=list(showtime_ids))
            if len(self._layouts) < MAX_PENDING:
                self._layouts.update(showtime_ids)

    async def retry(self) -> None:
        """Tell Redis what it has missed; raises HoldsUnavailable when it still does not answer.

        What it refuses, since somebody has put another kind of value there, is tried again later and keeps nothing else
        up.
        """
        if not self.has_pending:
            return
        await self._holds.ping()
        for _ in range(len(self._releases)):
            if await self._holds.release([self._releases[0]]):
                self._releases.rotate(-1)
            else:
                self._releases.popleft()  # only now: nothing is forgotten that Redis has not heard of
        for showtime_id in list(self._layouts):
            with suppress(HoldsUnavailable):
                await self._holds.bump_layouts([showtime_id])
                self._layouts.discard(showtime_id)
