"""A viewer of the live feed ends with the map of a fresh GET, whatever happens to seats, streams and Redis."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientError
from redis.asyncio import Redis

from tests.api import Api, Cinema, Connection, Person
from tests.conftest import StartApi
from tests.faults.proxy import Proxy
from tests.live_feed import Follower, following, shown

STEPS = 120
CUSTOMERS = 4
PATIENCE_S = 60.0


@dataclass(slots=True)
class World:
    """Two instances, a room, and customers with their reservations."""

    apis: list[Api]
    cinema: Cinema
    people: list[Person]
    chance: random.Random
    redis: Redis
    held: list[tuple[Person, str]] = field(default_factory=list)
    confirmed: list[tuple[Person, str]] = field(default_factory=list)

    @property
    def api(self) -> Api:
        return self.chance.choice(self.apis)

    async def step(self) -> None:
        """One random action."""
        what = self.chance.choices(
            (self.hold, self.confirm, self.cancel, self.look, self.forget), (40, 20, 20, 15, 2 if self.held else 0)
        )[0]
        await what()

    async def hold(self) -> None:
        who, seats = self.chance.choice(self.people), self.chance.sample(self.cinema.seat_ids, 2)
        made = await self.api.hold(who, self.cinema.showtime_id, seats)
        if made.status == 201:
            self.held.append((who, made.json["id"]))

    async def confirm(self) -> None:
        if self.held:
            who, reservation_id = self.held.pop(self.chance.randrange(len(self.held)))
            if (await self.api.confirm(who, reservation_id)).status == 200:
                self.confirmed.append((who, reservation_id))

    async def cancel(self) -> None:
        some = self.chance.choice((self.held, self.confirmed))
        if some:
            who, reservation_id = some.pop(self.chance.randrange(len(some)))
            await self.api.cancel(who, reservation_id)

    async def look(self) -> None:
        await shown(self.api, self.cinema.showtime_id)

    async def forget(self) -> None:
        """Redis loses everything."""
        await self.redis.flushall()


@dataclass(slots=True)
class Watcher:
    """A viewer of a random instance whose connections break; it sometimes starts with a GET."""

    world: World
    chance: random.Random
    follower: Follower = field(default_factory=Follower)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while not self.stop.is_set():
            api = self.chance.choice(self.world.apis)
            if self.chance.random() < 0.2:
                await self._get(api)
            lasts_s = self.chance.choice((0.02, 0.1, 0.3, 1.0))
            with suppress(
                ClientError, ConnectionError, AssertionError if self.follower.version is None else ClientError
            ):
                await self._follow(api, lasts_s)
        await self._compare_with_get(self.chance.choice(self.world.apis))

    async def _compare_with_get(self, api: Api) -> None:
        """Compare with a fresh GET, which is repeated where a hold has expired meanwhile."""
        async with (
            asyncio.timeout(PATIENCE_S),
            following(api, self.world.cinema.showtime_id, known=self.follower.version) as stream,
        ):
            while True:
                final = await shown(api, self.world.cinema.showtime_id)
                while (self.follower.version or 0) < final["version"]:
                    event = await stream.next()
                    assert event is not None
                    self.follower.apply(event)
                if self.follower.version == final["version"]:
                    assert self.follower.statuses == {seat["id"]: seat["status"] for seat in final["seats"]}
                    return

    async def _get(self, api: Api) -> None:
        known = "" if self.follower.version is None else f"?since={self.follower.version}"
        found = await shown(api, self.world.cinema.showtime_id, known)
        statuses = {seat["id"]: seat["status"] for seat in found["seats"]}
        if found.get("since") is None:
            self.follower.statuses = statuses
        else:
            self.follower.statuses |= statuses
        assert found["version"] >= (self.follower.version or 0)
        self.follower.version = found["version"]

    async def _follow(self, api: Api, lasts_s: float) -> None:
        async with following(api, self.world.cinema.showtime_id, known=self.follower.version) as stream:
            with suppress(TimeoutError):
                async with asyncio.timeout(lasts_s):
                    while not self.stop.is_set():
                        event = await stream.next()
                        if event is None or event.kind == "reconnect":
                            return
                        self.follower.apply(event)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


async def play(world: World, seed: int, *, steps: int = STEPS) -> list[Watcher]:
    """Run the actions beside the watchers, and compare each watcher's map at the end."""
    watchers = [Watcher(world, random.Random(seed * 100 + number)) for number in range(4)]
    running = [asyncio.create_task(watcher.run()) for watcher in watchers]
    for _ in range(steps // 4):
        await asyncio.gather(*(world.step() for _ in range(world.chance.randint(1, 7))))
    for watcher in watchers:
        watcher.stop.set()
    await asyncio.gather(*running)
    return watchers


async def make_world(apis: list[Api], redis: Redis, seed: int) -> World:
    cinema = await apis[0].cinema(rows=2, seats_per_row=5)
    people = [await apis[0].sign_up() for _ in range(CUSTOMERS)]
    return World(apis, cinema, people, random.Random(seed), redis)


@pytest.mark.parametrize("seed", range(4))
async def test_every_viewer_ends_with_the_map_of_a_fresh_get(start_api: StartApi, redis: Redis, seed: int) -> None:
    settings = {"HOLD_TTL_SECONDS": "1" if seed % 2 else "600"}
    world = await make_world([await start_api(**settings) for _ in range(2)], redis, seed)
    watchers = await play(world, seed)
    assert sum(watcher.follower.changes for watcher in watchers) > 0
    assert sum(watcher.follower.snapshots for watcher in watchers) > 0


async def test_a_viewer_gets_what_was_published_while_the_subscription_was_lost(
    start_api: StartApi, redis: Redis, redis_url: str
) -> None:
    """What was published while a worker was not connected is in the snapshot that follows."""
    async with Proxy(redis_url) as proxy:
        here, there = await start_api(REDIS_URL=proxy.url), await start_api()
        world = await make_world([there], redis, 7)
        showtime_id = world.cinema.showtime_id
        async with following(here, showtime_id) as stream:
            follower = Follower()
            for _ in range(3):
                await proxy.cut()
                for _ in range(5):
                    await world.step()
                await proxy.open()
                final = await shown(there, showtime_id)
                statuses = {seat["id"]: seat["status"] for seat in final["seats"]}
                async with asyncio.timeout(PATIENCE_S):
                    await follower.follow_until(stream, statuses, final["version"])


async def test_a_booking_that_is_read_before_it_is_counted_reaches_a_viewer_that_resumes(
    start_api: StartApi, db: Connection
) -> None:
    """A worker reads between a confirm's commit and its announcement; a viewer that resumes later must get it, too."""
    here, there = await start_api(), await start_api()
    cinema, customer = await here.cinema(rows=1, seats_per_row=4), await here.sign_up()
    showtime_id, (a, b, *_) = cinema.showtime_id, cinema.seat_ids
    held = (await here.hold(customer, showtime_id, [a])).json
    before = await shown(there, showtime_id)
    async with following(here, showtime_id) as stream:
        follower = Follower()
        first = await stream.next()
        assert first is not None
        follower.apply(first)
        # A confirm that has committed, and is not announced yet.
        await db.execute("update reservations set status = 'confirmed', confirmed_at = now() where id = $1", held["id"])
        await db.execute(
            "insert into booked_seats (showtime_id, seat_id, reservation_id) values ($1, $2, $3)",
            showtime_id, a, held["id"],
        )  # fmt: skip
        other = await here.hold(customer, showtime_id, [b])  # makes the worker read the stores
        assert other.status == 201
        event = await stream.next()
        assert event is not None
        assert event.statuses == {a: "booked", b: "held"}
        follower.apply(event)
        # A viewer whose map at that version shows the seat held, as another instance may have rendered it.
        stale = Follower(event.id, {seat["id"]: seat["status"] for seat in before["seats"]} | {b: "held"})
        async with following(here, showtime_id, known=stale.version) as resumed:
            missed = await resumed.next()
            assert missed is not None
            stale.apply(missed)
            assert (await here.confirm(customer, held["id"])).status == 200  # announces it
            final = await shown(here, showtime_id)
            statuses = {seat["id"]: seat["status"] for seat in final["seats"]}
            async with asyncio.timeout(PATIENCE_S):
                await stale.follow_until(resumed, statuses, final["version"])
                await follower.follow_until(stream, statuses, final["version"])
