"""Reads all holds in Redis, for the audit and the sweep; store.py describes the keys."""

from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass
from itertools import groupby

from redis.asyncio import Redis

from .keys import seat_key

SHOWTIMES_A_SCAN = 1000  # a hint: keys that Redis reads before it serves other clients
SEATS_A_READ = 1000


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A held seat's Redis key as it was read; `holder` should be a reservation's UUID."""

    showtime_id: int
    seat_id: int
    holder: str

    @property
    def key(self) -> str:
        """Its name in Redis."""
        return seat_key(self.showtime_id, self.seat_id)


async def scan_holds(redis: Redis) -> AsyncIterator[Sequence[HeldKey]]:
    """The held seats, in lists of one showtime each; a hold that starts or ends meanwhile may be missing."""
    async for name in redis.scan_iter(match="{*}:held", count=SHOWTIMES_A_SCAN):
        showtime_id = _number(_text(name).removeprefix("{").removesuffix("}:held"))
        if showtime_id is None:
            continue
        members = [_number(_text(member)) async for member, _ in redis.zscan_iter(name)]
        seat_ids = sorted({member for member in members if member is not None})
        for start in range(0, len(seat_ids), SEATS_A_READ):
            yield await _read(redis, showtime_id, seat_ids[start : start + SEATS_A_READ])


async def scan_showtimes(redis: Redis, cursor: int) -> tuple[int, Sequence[int]]:
    """Some showtimes whose seat maps have a version in Redis, from a cursor on (0: the start), and the next cursor.

    The next cursor is 0 after the last showtime. One may appear twice.
    """
    cursor, names = await redis.scan(cursor, match="{*}:map", count=SHOWTIMES_A_SCAN)
    numbers = [_number(_text(name).removeprefix("{").removesuffix("}:map")) for name in names]
    return cursor, [number for number in numbers if number is not None]


async def still_held(redis: Redis, held: Set[HeldKey]) -> Sequence[HeldKey]:
    """Those of the keys that still have the same value, in the order of showtime and seat."""
    found: list[HeldKey] = []
    by_place = sorted(held, key=lambda key: (key.showtime_id, key.seat_id))
    for showtime_id, keys in groupby(by_place, key=lambda key: key.showtime_id):
        seat_ids = [key.seat_id for key in keys]
        for start in range(0, len(seat_ids), SEATS_A_READ):
            now = await _read(redis, showtime_id, seat_ids[start : start + SEATS_A_READ])
            found += [key for key in now if key in held]
    return found


async def _read(redis: Redis, showtime_id: int, seat_ids: Sequence[int]) -> list[HeldKey]:
    """One MGET: the keys of a showtime share a cluster slot."""
    holders = await redis.mget([seat_key(showtime_id, seat_id) for seat_id in seat_ids])
    return [
        HeldKey(showtime_id, seat_id, _text(holder))
        for seat_id, holder in zip(seat_ids, holders, strict=True)
        if holder is not None
    ]


def _number(text: str) -> int | None:
    """A positive bigint; None for keys and members that this service did not write."""
    return int(text) if text.isascii() and text.isdigit() and int(text) < 2**63 else None


def _text(value: bytes | str) -> str:
    """The client may decode, or not."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
