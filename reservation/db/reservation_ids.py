"""Ids of reservations: UUIDv8 (RFC 9562), which name the showtime for which the reservation was made.

So a statement can compare the showtime as well, and in a database that is distributed by showtime one node has it.
The bits, from the highest: 48 of Unix time in milliseconds, 4 of version, 12 of the showtime's id, 2 of variant, 28
more of the showtime's id, 34 of chance. Ids begin with the time, so new rows are neighbours in the index, and the order
of the ids is that of time, also beside those made before, which are UUIDv7.

A reservation that is exchanged for seats of another showtime keeps its id. So the id says where to look first, and
repository/reservation_showtimes.py finds those that are not there.

An id is no secret: whatever takes one compares the user, too.
"""

from functools import lru_cache
from uuid import UUID

import uuid_utils

from .driver_uuid import DriverUUID

CHANCE_BITS = 34
MOST_SHOWTIME_ID = (1 << 40) - 1  # a higher one is not named

_CHANCE = (1 << CHANCE_BITS) - 1
_TIME = ((1 << 48) - 1) << 80
_KIND = 8 << 76 | 0b10 << 62  # version and variant, where they are in the number
_KIND_BITS = 0xF << 76 | 0b11 << 62
_HIGH_BITS, _LOW_BITS = 12, 28  # of the showtime's id, before and after the variant


def new_reservation_id(showtime_id: int, chance: int | None = None) -> UUID:
    """A new id for a reservation of a showtime; `chance`: its lowest 34 bits, in place of random ones.

    Of a showtime whose id has more than 40 bits it is a UUIDv7, which names no showtime.
    """
    number = uuid_utils.uuid7().int
    if chance is not None:
        number = number & ~_CHANCE | chance
    if showtime_id <= MOST_SHOWTIME_ID:
        number = number & (_TIME | _CHANCE) | _fixed_bits(showtime_id)
    return DriverUUID(number.to_bytes(16))


def reservation_id_of(showtime_id: int, at_ms: int, chance: int) -> UUID:
    """The id of a reservation that was made in this Unix millisecond; `showtime_id` has at most 40 bits."""
    return DriverUUID((at_ms << 80 | _fixed_bits(showtime_id) | chance).to_bytes(16))


def showtime_of(reservation_id: UUID) -> int | None:
    """The showtime that an id names; None if it names none, as those made before.

    The id may come from anywhere, so there may be no such showtime, and the reservation may have another one by now.
    """
    number = reservation_id.int
    if number & _KIND_BITS != _KIND:
        return None
    return (number >> 64 & (1 << _HIGH_BITS) - 1) << _LOW_BITS | number >> CHANCE_BITS & (1 << _LOW_BITS) - 1


def chance_of(reservation_id: UUID) -> int:
    """The lowest 34 bits of an id."""
    return reservation_id.int & _CHANCE


@lru_cache(maxsize=4096)
def _fixed_bits(showtime_id: int) -> int:
    low = showtime_id & (1 << _LOW_BITS) - 1
    return _KIND | showtime_id >> _LOW_BITS << 64 | low << CHANCE_BITS
