"""Hears of changes to seat maps: one subscription a worker, however many follow however many showtimes."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from redis.asyncio import Redis

from ..holds.store import showtime_of


class MapListener(Protocol):
    """Who wants to know."""

    def set_connected(self, connected: bool) -> None:
        """Whether notices arrive from now on; some may have been missed, also where it is not the first yes."""

    def changed(self, showtime_id: int, version: int, seat_ids: Sequence[int]) -> None:
        """A watched map has changed; the seats are those that may look different."""


def channel_of(redis: Redis) -> str:
    """Where the scripts tell of changes: a channel belongs to no numbered database, so it is named after ours."""
    return f"reservation:maps:{redis.connection_pool.connection_kwargs.get('db', 0)}"


class MapNotifications:
    """Reads what the scripts tell, for a listener."""

    def __init__(self, listener: MapListener) -> None:
        self._listener = listener

    def set_connected(self, connected: bool) -> None:
        """Whether notices arrive from now on."""
        self._listener.set_connected(connected)

    def take(self, notice: str) -> None:
        """Pass a notice on."""
        map_key, *numbers = notice.split(" ")
        with suppress(ValueError):  # somebody else's word on our channel
            showtime_id = showtime_of(map_key)
            version, *seat_ids = map(int, numbers)
            self._listener.changed(showtime_id, version, seat_ids)

    async def catch_up(self) -> None:
        """Nothing is sent on this channel from here."""
