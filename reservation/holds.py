"""Holds in Redis: all seats or none, each expiring by itself; the only user of redis besides resources.

For every showtime there are, under one hash tag and so on one cluster slot:

    {42}:seat:7    the reservation that holds seat 7; SET NX EX
    {42}:held      a sorted set of the held seats, scored with the millisecond at which each hold ends
    {42}:version   counts the changes to the seat map; never runs backwards

The sorted set says which seats are held without reading each key, and lets whoever reads the version notice that
holds have run out since: their end changes the map, too, so it counts the version up.

Redis may lose all of it at any moment. A missing version says so: the caller then primes the showtime from
PostgreSQL's unexpired holds before it goes on. A new version is the database's clock in microseconds, which no
counter can have reached.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from .errors import HoldsUnavailable
from .timing import timed

# A version outlives its showtime's last hold by a week; longer than any hold, and then it is primed anew.
VERSION_TTL_S = 7 * 86_400

# Ended holds leave the sorted set, and the map has changed when one did. Shared by the scripts below.
_RETIRE = """
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
if redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms) > 0 then redis.call('INCR', KEYS[1]) end
"""

# KEYS version, held, seat...; ARGV reservation, ttl_s, seat id...
# -> {-1} not primed, {0, seat id...} lost to these, {1} held. Running it again for the same reservation is harmless,
# since a caller cannot know whether a command whose connection broke was carried out.
_TAKE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return {-1} end
local answer = {0}
for i = 3, #KEYS do
  local holder = redis.call('GET', KEYS[i])
  if holder and holder ~= ARGV[1] then answer[#answer + 1] = tonumber(ARGV[i]) end
end
if #answer > 1 then return answer end
local clock = redis.call('TIME')
local ends_ms = (clock[1] + ARGV[2]) * 1000 + math.floor(clock[2] / 1000)
for i = 3, #KEYS do
  redis.call('SET', KEYS[i], ARGV[1], 'NX', 'EX', ARGV[2])
  redis.call('ZADD', KEYS[2], ends_ms, ARGV[i])
end
redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], %d)
redis.call('EXPIRE', KEYS[2], %d)
return {1}
""".replace("%d", str(VERSION_TTL_S))

# KEYS version, held, seat...; ARGV reservation, seat id... Counts the version up, then deletes the seats' keys that
# are still this reservation's. One that has run out and been taken by somebody else stays.
_SETTLE = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('INCR', KEYS[1]) end
for i = 3, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then
    redis.call('DEL', KEYS[i])
    redis.call('ZREM', KEYS[2], ARGV[i - 1])
  end
end
"""

# KEYS version, held -> the version, or -1 when not primed
_VERSION = f"""
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
{_RETIRE}
return tonumber(redis.call('GET', KEYS[1]))
"""

# KEYS version, held -> {{version or -1, seat id...}}
_SNAPSHOT = f"""
if redis.call('EXISTS', KEYS[1]) == 0 then return {{-1}} end
{_RETIRE}
local answer = redis.call('ZRANGE', KEYS[2], 0, -1)
for i = 1, #answer do answer[i] = tonumber(answer[i]) end
table.insert(answer, 1, tonumber(redis.call('GET', KEYS[1])))
return answer
"""

# KEYS version, held, seat...; ARGV version, then seat id, reservation, ttl_ms for each seat. Whoever comes second
# changes nothing: holds taken since then must not be overwritten by an older view.
_PRIME = """
if redis.call('EXISTS', KEYS[1]) == 1 then return end
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
for i = 3, #KEYS do
  local at = 2 + (i - 3) * 3
  redis.call('SET', KEYS[i], ARGV[at + 1], 'NX', 'PX', ARGV[at + 2])
  redis.call('ZADD', KEYS[2], now_ms + redis.call('PTTL', KEYS[i]), ARGV[at])
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', %d)
redis.call('EXPIRE', KEYS[2], %d)
""".replace("%d", str(VERSION_TTL_S))


@dataclass(frozen=True, slots=True)
class LiveHold:
    """A seat that a reservation holds for `ttl_ms` milliseconds more, by PostgreSQL's clock."""

    seat_id: int
    reservation_id: UUID
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class Prime:
    """What a showtime's keys are rebuilt from: a version that none before can have reached, and the live holds."""

    version: int
    holds: tuple[LiveHold, ...]


Primer = Callable[[int], Awaitable[Prime]]


class Holds:
    """The holds of all showtimes; every method raises HoldsUnavailable when Redis does not answer.

    `primer` reads a showtime's Prime from PostgreSQL; it is called when Redis knows nothing of the showtime.
    """

    def __init__(self, redis: Redis, primer: Primer) -> None:
        self._redis = redis
        self._primer = primer
        self._take = redis.register_script(_TAKE)
        self._settle = redis.register_script(_SETTLE)
        self._version = redis.register_script(_VERSION)
        self._snapshot = redis.register_script(_SNAPSHOT)
        self._prime = redis.register_script(_PRIME)

    async def take(
        self, *, showtime_id: int, reservation_id: UUID, seat_ids: Sequence[int], ttl_s: int
    ) -> frozenset[int]:
        """Hold all the seats or none; answers the seats that others hold, which is empty when it worked."""
        keys = _keys(showtime_id, seat_ids)
        answer = await self._primed(self._take, showtime_id, keys, [str(reservation_id), ttl_s, *seat_ids])
        return frozenset(answer[1:])

    async def settle(self, *, showtime_id: int, reservation_id: UUID, seat_ids: Sequence[int]) -> None:
        """Announce a change to the seat map and drop what the reservation still holds of these seats."""
        async with _answering():
            await self._settle(keys=_keys(showtime_id, seat_ids), args=[str(reservation_id), *seat_ids])

    async def version(self, showtime_id: int) -> int:
        """The version of the showtime's seat map; counts up with every change, the end of a hold included."""
        return (await self._primed(self._version, showtime_id, _keys(showtime_id), []))[0]

    async def snapshot(self, showtime_id: int) -> tuple[int, frozenset[int]]:
        """The version of the seat map, and the seats held at that version."""
        version, *held = await self._primed(self._snapshot, showtime_id, _keys(showtime_id), [])
        return version, frozenset(held)

    async def ping(self) -> None:
        """Raise HoldsUnavailable unless Redis answers."""
        async with _answering():
            await self._redis.execute_command("PING")

    async def _primed(
        self, script: AsyncScript, showtime_id: int, keys: list[str], args: Sequence[str | int]
    ) -> list[int]:
        """Run a script that answers -1 for a showtime Redis knows nothing of; prime it then, and run it again."""
        for _ in range(3):  # Redis may lose everything again in between; more often is an outage
            async with _answering():
                answer = await script(keys=keys, args=list(args))
            numbers = cast("list[int]", answer if isinstance(answer, list) else [answer])
            if numbers[0] != -1:
                return numbers
            await self._prime_showtime(showtime_id)
        raise HoldsUnavailable

    async def _prime_showtime(self, showtime_id: int) -> None:
        prime = await self._primer(showtime_id)
        args: list[str | int] = [prime.version]
        for hold in prime.holds:
            args += [hold.seat_id, str(hold.reservation_id), max(hold.ttl_ms, 1)]
        async with _answering():
            await self._prime(keys=_keys(showtime_id, [hold.seat_id for hold in prime.holds]), args=args)


def _keys(showtime_id: int, seat_ids: Sequence[int] = ()) -> list[str]:
    tag = f"{{{showtime_id}}}"
    return [f"{tag}:version", f"{tag}:held", *(seat_key(showtime_id, seat_id) for seat_id in seat_ids)]


def seat_key(showtime_id: int, seat_id: int) -> str:
    """The key of a held seat, whose value is the reservation's id."""
    return f"{{{showtime_id}}}:seat:{seat_id}"


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        with timed("redis"):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise HoldsUnavailable from error
