"""Which keys the scripts touch: in a cluster, a script whose map is there writes none that it has not declared.

In a slot that moves to another node, Redis runs a script only where all of its declared keys are, and refuses any other
key in the middle of the script, after what it has written before.
"""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from reservation.holds import scripts, store
from reservation.holds.map_states import Snapshot
from reservation.holds.prime import LiveHold
from reservation.holds.release_calls import HoldRelease
from reservation.holds.scripts import Script
from reservation.holds.store import Holds
from reservation.holds.take_calls import AddressSeats
from tests.holds.conftest import LivePrimer, OpenHolds

SHOWTIME, ADDRESS = 42, AddressSeats("192.0.2.1", 3, 60)
OF_SHOWTIMES = [
    scripts.TAKE,
    scripts.TAKE_FOR_ADDRESS,
    scripts.EXTEND,
    scripts.RELEASE,
    scripts.UNDO_TAKE,
    scripts.HAND_OVER,
    scripts.BUMP_LAYOUT,
    scripts.VERSION,
    scripts.WATCH,
    scripts.SNAPSHOT,
]
# Refuses what a moving slot would refuse at the worst, and has `reservation:test:ran` count what ran with a map.
GUARD = """\
local has_map = redis.call('EXISTS', KEYS[1]) == 1
local declared, has_written = {}, false
for _, key in ipairs(KEYS) do declared[key] = true end
local whole = {MGET = true, DEL = true, EXISTS = true, UNLINK = true}
local keyless = {TIME = true, PUBLISH = true, SPUBLISH = true}
local reads = {GET = true, MGET = true, EXISTS = true, HGET = true, HMGET = true, HLEN = true, HGETALL = true}
local unguarded = redis
local redis = setmetatable({call = function(name, ...)
  if has_map and not keyless[name] then
    for place, key in ipairs({...}) do
      if (place == 1 or whole[name]) and not declared[key] and (has_written or not reads[name]) then
        error(name .. ' of a key that is not declared: ' .. key)
      end
    end
    has_written = has_written or not reads[name]
  end
  return unguarded.call(name, ...)
end}, {__index = unguarded})
if has_map then unguarded.call('SADD', 'reservation:test:ran', '%s') end
"""


@pytest.fixture
def guarded() -> Iterator[None]:
    """The scripts of showtimes, each with the guard in front of it."""
    before = [(script.source, script.sha) for script in OF_SHOWTIMES]
    for number, script in enumerate(OF_SHOWTIMES):
        _replace(script, GUARD % number + script.source)
    store._version_call.cache_clear()  # it has the digest of the script
    yield
    for script, (source, _) in zip(OF_SHOWTIMES, before, strict=True):
        _replace(script, source)
    store._version_call.cache_clear()
    assert [(script.source, script.sha) for script in OF_SHOWTIMES] == before


def _replace(script: Script, source: str) -> None:
    object.__setattr__(script, "source", source)
    script.__post_init__()


async def take(holds: Holds, who: UUID, seat_ids: list[int], of: AddressSeats | None = None) -> frozenset[int]:
    return await holds.take(showtime_id=SHOWTIME, reservation_id=who, seat_ids=seat_ids, ttl_ms=60_000, of=of)


@pytest.mark.usefixtures("guarded")
async def test_no_script_writes_a_key_that_it_has_not_declared(redis: Redis, open_holds: OpenHolds) -> None:
    first, second = uuid4(), uuid4()
    holds = open_holds(redis, LivePrimer(LiveHold(9, uuid4(), 60_000)))
    await holds.state(SHOWTIME)
    await holds.watch([SHOWTIME], channel=lambda _: "reservation:maps:test", ttl_s=60)
    assert await take(holds, first, [1, 2]) == frozenset()
    assert await take(holds, second, [2, 9]) == {2, 9}
    assert await take(holds, second, [3, 4, 5], ADDRESS) == frozenset()
    await holds.release([HoldRelease(SHOWTIME, second, [4, 5])])
    assert await take(holds, second, [6, 7], ADDRESS) == frozenset()
    for seats in ([1, 2], [1, 8]):
        assert not await holds.extend(showtime_id=SHOWTIME, reservation_id=first, seat_ids=seats, ttl_ms=90_000)
    kept = await holds.kept(showtime_id=SHOWTIME, reservation_id=first)
    assert kept
    assert await holds.release([HoldRelease(SHOWTIME, first, [1], undo=True, kept=kept)]) == []
    await holds.hand_over(showtime_id=SHOWTIME, reservation_id=second, to=uuid4(), seat_ids=[3, 6], ttl_ms=60_000)
    assert await holds.bump_layouts([SHOWTIME]) == []
    [found] = await holds.snapshots([SHOWTIME])
    assert isinstance(found, Snapshot)
    assert found.held == {2, 3, 6, 7, 8, 9}
    assert await redis.scard("reservation:test:ran") == len(OF_SHOWTIMES)


async def test_every_key_of_a_showtime_is_in_the_slot_of_its_hash_tag(redis: Redis, open_holds: OpenHolds) -> None:
    who = uuid4()
    holds = open_holds(redis, LivePrimer())
    await take(holds, who, [1, 2], ADDRESS)
    await holds.extend(showtime_id=SHOWTIME, reservation_id=who, seat_ids=[1, 2], ttl_ms=90_000)
    names = [name async for name in redis.scan_iter("*42*")]
    assert len(names) >= 6
    assert {key_slot(name.encode()) for name in names} == {key_slot(b"42")}
