"""Two workers, two customers and two seats, on a PostgreSQL and a Redis whose data age as fast as a test wants.

Time passes when all that the stores know of these seats gets older, and the workers' monotonic clock is set forward.
The clocks of the stores stay as they are.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from reservation.booking import batches, extend, redis_lease
from reservation.db.repository import reservations
from reservation.errors import Unavailable
from reservation.holds import prime, script_runner
from reservation.http.app_keys import BOOKING_CONTEXT
from tests.api import Api, Connection, Person
from tests.conftest import PATIENT
from tests.faults.test_hold_promises import OwnRedis
from tests.interleavings.exchanges import Exchanges
from tests.interleavings.losses import lose_data
from tests.interleavings.world import PATIENCE_S, PAUSE_S, World

HOLD_S = 3600
STEP_S = HOLD_S / 2 + 5  # after two of them a hold has ended in Redis, too, which keeps it a little longer
SETTINGS = PATIENT | {
    "HOLD_TTL_SECONDS": str(HOLD_S),
    "HOLD_MAX_SECONDS": str(2 * HOLD_S),
    "ACCESS_TOKEN_EXPIRE_MINUTES": "1440",
}
CLOCKS = (batches, extend, redis_lease, reservations, prime, script_runner)
# KEYS held; ARGV the keys of the showtime, milliseconds
AGE = """
local cursor = '0'
repeat
  local found = redis.call('SCAN', cursor, 'MATCH', ARGV[1], 'COUNT', 1000)
  for _, key in ipairs(found[2]) do
    local left = redis.call('PTTL', key)
    if left > 0 then redis.call('PEXPIRE', key, math.max(0, left - ARGV[2])) end
  end
  cursor = found[1]
until cursor == '0'
for _, seat in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZINCRBY', KEYS[1], -ARGV[2], seat) end
"""

StartWorker = Callable[..., Awaitable[Api]]


class Stores:
    """Starts the workers, and keeps what they share; `start` starts a worker with a user of PostgreSQL."""

    def __init__(self, start: StartWorker, db: Connection, other_url: str, own: OwnRedis) -> None:
        self._start, self._db, self._other_url, self._own = start, db, other_url, own
        self._shift_s = 0.0

    async def open(self) -> None:
        """Start the workers, and have the customers sign up."""
        self.there = await self._start(**SETTINGS, REDIS_URL=self._own.proxy.url, DATABASE_URL=self._other_url)
        self.people: dict[str, Person] = {name: await self.there.sign_up() for name in ("A", "B")}
        await self._start_here()

    async def new_world(self) -> World:
        """An empty Redis, and a showtime of two seats that both workers know."""
        await lose_data(self._own, "flushed", self._own.url)
        if self.exchanges.is_dead:
            await self._replace_here()
        cinema = await self.there.cinema(1, 2)
        self.world = World(
            self.here,
            self.there,
            self.people["A"],
            self.people["B"],
            cinema.showtime_id,
            tuple(cinema.seat_ids),
            self.exchanges,
        )
        await self.save()
        await self._look(self.there)
        await self._look(self.here)
        return self.world

    async def replace_killed(self) -> None:
        """Start a worker in place of the one that was killed."""
        if self.exchanges.is_dead:
            await self._replace_here()
            self.world.here, self.world.exchanges = self.here, self.exchanges
            await self._look(self.here)

    async def _replace_here(self) -> None:
        await self.here.client.close()  # or many would go on with their jobs in the background
        await self._start_here()

    async def _start_here(self) -> None:
        self.here = await self._start(**SETTINGS, REDIS_URL=self._own.proxy.url)
        self.exchanges = Exchanges(self.here, urlsplit(self.here.database_url).username or "")

    async def _look(self, api: Api) -> None:
        """Have the worker read what it keeps: the showtime, and the sessions."""
        await api.statuses(self.world.showtime_id)
        for who in self.people.values():
            assert (await api.call("GET", "/reservations", who=who)).status == 200

    async def save(self) -> None:
        """Have Redis save its data, to be restored later."""
        async with Redis.from_url(self._own.url) as client:
            await client.save()

    async def lose(self, how: str) -> None:
        """Redis loses its data."""
        await lose_data(self._own, how, self._own.url)

    async def settle(self) -> None:
        """Wait until the workers that live have told Redis all that they had to."""
        async with asyncio.timeout(PATIENCE_S):
            for api in (self.there,) if self.exchanges.is_dead else (self.there, self.here):
                pending = api.client.app[BOOKING_CONTEXT].pending_updates
                while pending.has_pending:
                    with suppress(Unavailable):
                        await pending.retry()
                    await asyncio.sleep(PAUSE_S * pending.has_pending)

    async def until_ready(self) -> None:
        """Wait until the workers that live answer requests that need Redis."""
        async with asyncio.timeout(PATIENCE_S):
            for api in (self.there,) if self.exchanges.is_dead else (self.there, self.here):
                while (await api.call("GET", f"/showtimes/{self.world.showtime_id}/seats")).status != 200:
                    await asyncio.sleep(PAUSE_S)

    async def age(self, steps: int) -> None:
        """Let time pass; no transaction of the workers may be open."""
        seconds = steps * STEP_S
        await self._db.execute(
            "update reservations set created_at = created_at - $2 * interval '1 second',"
            " expires_at = expires_at - $2 * interval '1 second' where showtime_id = $1",
            self.world.showtime_id,
            seconds,
        )
        tag = f"{{{self.world.showtime_id}}}"
        async with Redis.from_url(self._own.url) as client:
            await client.eval(AGE, 1, f"{tag}:held", f"{tag}:*", round(seconds * 1000))
        self._shift_s += seconds
        self.world.passed += seconds

    @contextmanager
    def aging(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        """The workers' clock, which `age` sets forward."""
        with patch.context() as replaced:
            for module in CLOCKS:
                replaced.setattr(module, "monotonic", lambda: monotonic() + self._shift_s)
            yield
