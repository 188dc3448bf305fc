"""Reads all holds in Redis, for the audit and the sweep; store.py describes the keys."""

from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass
from itertools import groupby

from ..runtime.redis_client import RedisClient
from ..runtime.redis_cluster import ClusterClient, ClusterNodes
from ..runtime.redis_hosts import Address
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


async def scan_holds(redis: RedisClient) -> AsyncIterator[Sequence[HeldKey]]:
    """The held seats, in lists of one showtime each; a hold that starts or ends meanwhile may be missing."""
    async for name in redis.scan_iter(match="{*}:held", count=SHOWTIMES_A_SCAN):
        showtime_id = _number(_text(name).removeprefix("{").removesuffix("}:held"))
        if showtime_id is None:
            continue
        members = [_number(_text(member)) async for member, _ in redis.zscan_iter(name)]
        seat_ids = sorted({member for member in members if member is not None})
        for start in range(0, len(seat_ids), SEATS_A_READ):
            yield await _read(redis, showtime_id, seat_ids[start : start + SEATS_A_READ])


class ShowtimeScan:
    """The showtimes whose seat maps have a version in Redis, some at a time; one may appear twice.

    In a cluster the masters are read one after the other, and all of them twice if a slot has moved meanwhile: a map
    that moves to one that was read before is found the second time. A master that failed is left out, since its
    successor forgets all showtimes before anything is read there.
    """

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._cursor = self._next_cursor = 0
        self._left: list[Address] = []  # the masters that are not read yet
        self._owners: Sequence[Address | None] | None = None  # as they were when the reading began
        self._is_last_pass = False
        self.is_done = False

    async def read(self) -> Sequence[int]:
        """Some showtimes: the same ones until `advance` is called; raises RedisError."""
        client = self._redis
        if isinstance(client, ClusterClient):
            if self._owners is None:
                await self._begin(client.nodes)
            while self._left and self._left[0] not in client.nodes.masters:
                self._left, self._cursor = self._left[1:], 0
            if not self._left:
                self._next_cursor = 0
                return []
            client = client.nodes.client(self._left[0])
        self._next_cursor, names = await client.scan(self._cursor, match="{*}:map", count=SHOWTIMES_A_SCAN)
        numbers = [_number(_text(name).removeprefix("{").removesuffix("}:map")) for name in names]
        return [number for number in numbers if number is not None]

    async def advance(self) -> None:
        """What was read is done; raises RedisError."""
        self._cursor = self._next_cursor
        if self._cursor:
            return
        if not isinstance(self._redis, ClusterClient):
            self.is_done = True
            return
        nodes = self._redis.nodes
        self._left = [address for address in self._left[1:] if address in nodes.masters]
        if not self._left:
            await nodes.refresh()
            if self._is_last_pass or nodes.owners == self._owners:
                self.is_done = True
            else:
                self._is_last_pass, self._owners = True, None

    async def _begin(self, nodes: ClusterNodes) -> None:
        await nodes.refresh()
        self._owners, self._left = [*nodes.owners], sorted(nodes.masters)


async def still_held(redis: RedisClient, held: Set[HeldKey]) -> Sequence[HeldKey]:
    """Those of the keys that still have the same value, in the order of showtime and seat."""
    found: list[HeldKey] = []
    by_place = sorted(held, key=lambda key: (key.showtime_id, key.seat_id))
    for showtime_id, keys in groupby(by_place, key=lambda key: key.showtime_id):
        seat_ids = [key.seat_id for key in keys]
        for start in range(0, len(seat_ids), SEATS_A_READ):
            now = await _read(redis, showtime_id, seat_ids[start : start + SEATS_A_READ])
            found += [key for key in now if key in held]
    return found


async def _read(redis: RedisClient, showtime_id: int, seat_ids: Sequence[int]) -> list[HeldKey]:
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
