"""The calls that take seats, with or without the limit of a client address on a showtime's seats, and keep them.

The seats that an address took are in the hash `{42}:address:<address>`, which take_for_address.lua explains.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias
from uuid import UUID

from ..errors import TooManyRequests
from ..limit_texts import HELD_SEATS
from .keys import address_key, kept_key, map_keys, released_keys
from .script_runner import Call, script_call
from .scripts import EXTEND, TAKE, TAKE_FOR_ADDRESS

TOO_MANY = 2
RETRY_AFTER_S = 30


class AddressSeats(NamedTuple):
    """How many seats of a showtime a client address may have in live holds; Redis knows them for `kept_s`."""

    address: str
    most: int
    kept_s: int


OfAddress: TypeAlias = AddressSeats | None


def take_call(showtime_id: int, reservation_id: UUID, seat_ids: Sequence[int], ttl_ms: int, of: OfAddress) -> Call:
    """The call that takes all the seats or none."""
    keys = map_keys(showtime_id, seat_ids)
    args: tuple[str | int, ...] = (str(reservation_id), ttl_ms, *seat_ids)
    if of is None:
        return script_call(TAKE, showtime_id, keys, args)
    address, most, kept_s = of
    return script_call(TAKE_FOR_ADDRESS, showtime_id, (*keys, address_key(showtime_id, address)), (*args, most, kept_s))


def extend_call(showtime_id: int, reservation_id: UUID, seat_ids: Sequence[int], ttl_ms: int) -> Call:
    """The call that holds all the seats for at least so long from now, or none."""
    released = released_keys(showtime_id, reservation_id, seat_ids)
    keys = (*map_keys(showtime_id, seat_ids), *released, kept_key(showtime_id, reservation_id))
    return script_call(EXTEND, showtime_id, keys, (str(reservation_id), ttl_ms, *seat_ids))


def seats_of_others(result: Sequence[int]) -> frozenset[int]:
    """The seats that others hold, empty on success; raises TooManyRequests if the address would have too many."""
    if result[0] == TOO_MANY:
        raise TooManyRequests(RETRY_AFTER_S, HELD_SEATS)
    return frozenset(result[1:])
