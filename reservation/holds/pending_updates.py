"""Telling Redis what PostgreSQL has decided: at once, or as soon as it answers again.

The decision stands whether or not Redis hears of it.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from structlog.stdlib import BoundLogger

from ..errors import HoldsUnavailable, Unavailable
from .store import HoldRelease, Holds

MAX_UNSETTLED = 100_000  # some 20 MB; what is beyond it is mended by the end of the holds, or by the next change


class PendingUpdates:
    """What Redis has still to hear; no method raises because Redis does not answer, except `again`."""

    def __init__(self, holds: Holds, log: BoundLogger) -> None:
        self._holds = holds
        self._log = log
        self._unsettled: deque[HoldRelease] = deque()
        self._unannounced: set[int] = set()

    @property
    def is_behind(self) -> bool:
        """Whether there is something that Redis has not heard of."""
        return bool(self._unsettled or self._unannounced)

    async def settle(self, settlements: Sequence[HoldRelease]) -> None:
        """Announce changes to seat maps, and drop what the reservations hold no more."""
        try:
            missed = await self._holds.settle(settlements)
        except Unavailable:
            missed = settlements
        for settlement in missed:
            self._log.warning(
                "settle_put_off", showtime_id=settlement.showtime_id, reservation_id=str(settlement.reservation_id)
            )
            if len(self._unsettled) < MAX_UNSETTLED:
                self._unsettled.append(settlement)

    async def announce(self, showtime_ids: Sequence[int]) -> None:
        """Count the versions of seat maps up, whose prices or seats an administrator has changed."""
        try:
            await self._holds.announce(showtime_ids)
        except Unavailable:
            self._log.warning("announcement_put_off", showtime_ids=list(showtime_ids))
            if len(self._unannounced) < MAX_UNSETTLED:
                self._unannounced.update(showtime_ids)

    async def again(self) -> None:
        """Tell Redis what it has missed; raises HoldsUnavailable when it still does not answer.

        What it refuses, since somebody has put another kind of value there, is tried again later and keeps nothing else
        up.
        """
        if not self.is_behind:
            return
        await self._holds.ping()
        for _ in range(len(self._unsettled)):
            if await self._holds.settle([self._unsettled[0]]):
                self._unsettled.rotate(-1)
            else:
                self._unsettled.popleft()  # only now: nothing is forgotten that Redis has not heard of
        for showtime_id in list(self._unannounced):
            with suppress(HoldsUnavailable):
                await self._holds.announce([showtime_id])
                self._unannounced.discard(showtime_id)
