"""The Redis keys of showtimes and their seats; store.py says what they hold."""

from collections.abc import Sequence
from uuid import UUID


def map_keys(showtime_id: int, seat_ids: Sequence[int] = ()) -> tuple[str, ...]:
    """The keys of a showtime's map, and of these seats."""
    tag = f"{{{showtime_id}}}"
    return (f"{tag}:map", f"{tag}:held", *[f"{tag}:seat:{seat_id}" for seat_id in seat_ids])


def kept_key(showtime_id: int, reservation_id: UUID) -> str:
    """The key that changes whenever the reservation is extended, taken again or primed."""
    return f"{{{showtime_id}}}:map:kept:{reservation_id}"


def released_keys(showtime_id: int, reservation_id: UUID, seat_ids: Sequence[int]) -> list[str]:
    """The keys that say that the reservation released seats while there was no map."""
    return [f"{{{showtime_id}}}:map:released:{reservation_id}:{seat_id}" for seat_id in seat_ids]


def ticket_key(showtime_id: int) -> str:
    """The key of the ticket under which a showtime may be primed."""
    return f"{{{showtime_id}}}:map:priming"


def address_key(showtime_id: int, address: str) -> str:
    """The key of the seats of a showtime that a client address took."""
    return f"{{{showtime_id}}}:address:{address}"


WRITABLE_KEY = "{0}:writable"  # of no showtime: written to see whether Redis takes writes


def showtime_of(map_key: str) -> int:
    """The showtime whose map has this key; raises ValueError for any other key."""
    return int(map_key.removeprefix("{").removesuffix("}:map"))


def seat_key(showtime_id: int, seat_id: int) -> str:
    """The key of a held seat; its value is the reservation's id."""
    return f"{{{showtime_id}}}:seat:{seat_id}"
