"""Calls of the scripts that take seats in Redis from a hold: its seats become free, or are another one's."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from .keys import kept_key, map_keys
from .script_runner import Call, script_call
from .scripts import HAND_OVER, RELEASE, UNDO_TAKE

NO_RESERVATION = UUID(int=0)  # of a HoldRelease that only announces a change


class HoldRelease(NamedTuple):
    """A seat map that changed, and the seats that the reservation no longer holds.

    `undo`: its hold failed, as far as is known. PostgreSQL may have it all the same, and a repeated request may have
    got it since: then its seats stay. So do those that a change added or gave up, if `kept` has changed since.
    """

    showtime_id: int
    reservation_id: UUID
    seat_ids: Sequence[int]
    undo: bool = False
    kept: str = ""


def release_call(release: HoldRelease) -> Call:
    """The call that releases the seats, or undoes the take of a hold that failed."""
    showtime_id, reservation_id, seat_ids, undo, kept = release
    keys = map_keys(showtime_id, seat_ids)
    args: tuple[str | int, ...] = (str(reservation_id), *seat_ids)
    if not undo:
        return script_call(RELEASE, showtime_id, keys, args)
    return script_call(UNDO_TAKE, showtime_id, (*keys, kept_key(showtime_id, reservation_id)), (*args, kept))


def hand_over_call(showtime_id: int, reservation_id: UUID, to: UUID, seat_ids: Sequence[int], ttl_ms: int) -> Call:
    """The call that gives those of the seats that a reservation still holds to another one."""
    args: tuple[str | int, ...] = (str(reservation_id), str(to), ttl_ms, *seat_ids)
    return script_call(HAND_OVER, showtime_id, (*map_keys(showtime_id, seat_ids), kept_key(showtime_id, to)), args)
