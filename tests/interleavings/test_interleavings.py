"""At each exchange of a request with a store something happens, and every promise that was answered holds.

What happens: nothing but that time passes, the exchange is lost, the worker is killed, or Redis loses its data; and the
second customer acts just then. `make test` (hold and confirm) and `make test-long` (the others) let one thing happen in
a request, and of what takes long, since a worker or Redis has to start again, they try a third. `make interleavings`
tries all of it, and two things in a request as well. A script that fails is printed, and INTERLEAVING=script runs it
alone.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import get_args
from urllib.parse import urlsplit, urlunsplit

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from reservation import resources
from reservation.booking.jobs.orphans import release_orphans
from reservation.booking.redis_lease import RedisLease
from reservation.errors import Unavailable
from reservation.holds.pending_updates import PendingUpdates
from reservation.http.app_keys import BOOKING_CONTEXT
from tests.api import Api, Connection, Person
from tests.conftest import PATIENT, StartApi
from tests.faults.proxy import Proxy
from tests.faults.test_hold_promises import OwnRedis, own_redis
from tests.histories.checker import check
from tests.histories.history import FaultWindow
from tests.interleavings.exchanges import Exchanges, Stop, When, watched
from tests.interleavings.losses import FAULTS, lose_data
from tests.interleavings.world import ACTS, PATIENCE_S, PAUSE_S, THENS, World

__all__ = ["own_redis"]

SECOND_LOOK_S = 0.05  # at an orphan: nothing is on its way when the job runs
TWO_AT_ONCE = os.environ.get("INTERLEAVINGS") == "two"
ROWS, SEATS_A_ROW = (26, 120) if TWO_AT_ONCE else (4, 40)  # a script has a seat of its own
ONE_SCRIPT = os.environ.get("INTERLEAVING")
WHENS: tuple[When, ...] = get_args(When)
SECOND_FAULTS = ("is lost", "waits while Redis is flushed")
SLOW_FAULTS = {"is killed", "waits while Redis is killed", "waits while Redis is restored"}
SHARE_OF_SLOW = 3
EVERY_TIME = {"hold", "confirm"}  # `make test` runs these, `make test-long` the others


# Two customers had a seat in these: Redis was loaded with the hold that was not answered.
BROKEN_BEFORE = (
    "hold | 1 before waits while Redis is flushed | 2 before waits while Redis is flushed | hold",
    "hold | 1 before waits while Redis is killed | 2 before waits while Redis is flushed | hold",
    "hold with a key | 1 before waits while Redis is flushed | 2 before waits while Redis is flushed | hold",
)


@dataclass(frozen=True, slots=True)
class Script:
    """What the first customer asks for; at which exchange what happens; and what the second customer does then."""

    act: str
    points: tuple[tuple[int, When, str], ...]
    then: str

    def __str__(self) -> str:
        points = [f"{number} {when} {fault}" for number, when, fault in self.points]
        return " | ".join([self.act, *points, self.then])

    @classmethod
    def parse(cls, text: str) -> "Script":
        """The script of a text, as it is printed."""
        act, *points, then = text.split(" | ")
        found = [point.split(" ", 2) for point in points]
        whens: dict[str, When] = {when: when for when in WHENS}
        return cls(act, tuple((int(number), whens[when], fault) for number, when, fault in found), then)


class Stage:
    """Starts the two workers, and plays scripts, each on a seat of its own."""

    def __init__(self, start: StartApi, db: Connection, other_url: str, own: OwnRedis, redis_url: str) -> None:
        self._start, self._db, self._other_url, self._own, self._redis_url = start, db, other_url, own, redis_url
        self._seats: Iterator[int] = iter(())
        self._proxies = AsyncExitStack()
        self.showtime_id = 0
        self.names: list[str] = []

    async def open(self, *, is_redis_own: bool, patch: pytest.MonkeyPatch) -> None:
        """The workers, their customers, and a showtime that both workers know."""
        self._patch, self._redis = patch, self._own.proxy.url if is_redis_own else self._redis_url
        self.there = await self._start(**PATIENT, REDIS_URL=self._redis, DATABASE_URL=self._other_url)
        cinema = await self.there.cinema(ROWS, SEATS_A_ROW)
        self.showtime_id, self._seats = cinema.showtime_id, iter(cinema.seat_ids)
        self.second = await self.there.sign_up()
        self.first = await self.there.sign_up()
        await self._look(self.there, self.second)
        await self._start_first()

    async def _start_first(self) -> None:
        proxy = await self._proxies.enter_async_context(Proxy(self._redis))
        self.here = await self._start(**PATIENT, REDIS_URL=proxy.url)
        user = urlsplit(self.here.database_url).username or ""
        self.exchanges = Exchanges(self.here, user, proxy)
        await self._look(self.here, self.first)

    async def _replace_first(self, world: World) -> None:
        """A worker in place of the killed one, which announces what that one has not."""
        await self._start_first()
        world.here, world.exchanges = self.here, self.exchanges

    async def _release_orphans(self) -> None:
        """Run the job that a worker runs every half minute; without an answer, the worker does it later."""
        app = self.there.client.app
        with suppress(Unavailable, RedisError):
            await release_orphans(app[resources.REDIS], app[BOOKING_CONTEXT], second_look_s=SECOND_LOOK_S)

    async def aclose(self) -> None:
        """End the connections of the first workers to Redis."""
        await self._proxies.aclose()

    async def _look(self, api: Api, who: Person) -> None:
        """Have the worker read what it keeps: the showtime, and the session."""
        async with asyncio.timeout(PATIENCE_S):
            for path in (f"/showtimes/{self.showtime_id}/seats", "/reservations"):
                while (await api.call("GET", path, who=who)).status != 200:  # Redis may answer late at the start
                    await asyncio.sleep(PAUSE_S)

    async def play(self, script: Script) -> list[str]:
        """The broken promises; `names` are the exchanges of the request."""
        one, other = (self.here, self.first), (self.there, self.second)
        world = World(*one[:1], *other[:1], one[1], other[1], self.showtime_id, (next(self._seats),), self.exchanges)
        act = ACTS[script.act]
        held = await act.prepare(world)
        start = time.time()
        if any(FAULTS[fault][1] == "restored" for *_, fault in script.points):
            async with Redis.from_url(self._own.url) as client:
                await client.save()
        stops = [
            Stop(
                number,
                when,
                partial(self._happen, world, fault, script.then if not place else "nothing"),
                FAULTS[fault][0],
            )
            for place, (number, when, fault) in enumerate(script.points)
        ]
        with watched([self.exchanges], self._patch):
            await act.run(world, held, stops)
        self.names = self.exchanges.names
        failed = frozenset[str]().union(*(self._failed(fault, number) for number, _, fault in script.points))
        if failed:
            now = time.time()
            world.history.faults.append(FaultWindow("fault", failed, start, now, now))
        await world.finish(self._db)
        if self.exchanges.is_dead:
            await self._replace_first(world)
        if failed:
            await self._release_orphans()
        wrong = await world.last_map(self._db)
        broken = [f"{each.kind}: {each.what}" for each in check(world.history) if each.kind != "late map"]
        return [*broken, wrong] if wrong else broken

    def _failed(self, fault: str, number: int) -> frozenset[str]:
        """What has failed at an exchange of this number; nothing if there was none."""
        if number >= len(self.names):
            return frozenset()
        ending, of_redis = FAULTS[fault]
        of_exchange = {
            "goes on": set[str](),
            "is lost": {"redis" if self.names[number].startswith("Redis") else "postgresql"},
            "is killed": {"worker"},
        }
        return frozenset(of_exchange[ending] | ({"redis"} if of_redis else set()))

    async def _happen(self, world: World, fault: str, then: str) -> None:
        of_redis = FAULTS[fault][1]
        if of_redis is not None:
            await lose_data(self._own, of_redis, self._redis)
        await THENS[then](world)


@pytest.fixture
async def stage(
    start_api: StartApi,
    db: Connection,
    database_url: str,
    own_redis: OwnRedis,
    redis_url: str,
) -> AsyncIterator[Stage]:
    name = "worker_of_the_second"
    await db.execute(f"create role {name} superuser login password '{name}'")
    parts = urlsplit(database_url)
    other_url = urlunsplit(parts._replace(netloc=f"{name}:{name}@{parts.hostname}:{parts.port}"))
    made = Stage(start_api, db, other_url, own_redis, redis_url)
    yield made
    await made.aclose()
    await db.execute(f"drop role {name}")


async def scripts_of(stage: Stage, act: str, fault: str) -> list[Script]:
    """All scripts of a request in which this happens; the request is made once to see its exchanges."""
    assert await stage.play(Script(act, (), "nothing")) == []
    exchanges = range(len(stage.names))
    assert len(exchanges) >= 2, stage.names
    points = [(number, when, fault) for number in exchanges for when in WHENS]
    found = [Script(act, (point,), then) for point in points for then in THENS]
    if not TWO_AT_ONCE and fault in SLOW_FAULTS:
        found = found[len(act) % SHARE_OF_SLOW :: SHARE_OF_SLOW]  # others for each request
    if TWO_AT_ONCE:
        later = [
            (number, when, second)
            for number in range(1, len(exchanges) + 2)
            for when in WHENS
            for second in SECOND_FAULTS
        ]
        found += [
            Script(act, (first, second), then)
            for first, second, then in product(points, later, THENS)
            if first[0] < second[0] and FAULTS[fault][0] != "is killed"
        ]
    return found


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    "act", [act if act in EVERY_TIME else pytest.param(act, marks=pytest.mark.long) for act in ACTS]
)
async def test_every_promise_holds_whatever_happens_at_an_exchange(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, act: str, fault: str
) -> None:
    if ONE_SCRIPT is not None:
        pytest.skip("one script runs alone")
    await stage.open(is_redis_own=FAULTS[fault][1] in {"restarted", "restored"}, patch=monkeypatch)
    scripts = await scripts_of(stage, act, fault)
    broken = {str(script): found for script in scripts if (found := await stage.play(script))}
    assert broken == {}


@pytest.mark.parametrize("text", BROKEN_BEFORE)
async def test_every_promise_holds_in_a_script_that_broke_one_before(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    await stage.open(is_redis_own=True, patch=monkeypatch)
    assert await stage.play(Script.parse(text)) == []


async def test_a_hold_that_is_not_checked_before_its_answer_is_found(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.open(is_redis_own=False, patch=monkeypatch)
    assert await stage.play(Script("hold", (), "nothing")) == []
    insert = stage.names.index("PostgreSQL reservations/insert_held")
    monkeypatch.setattr(RedisLease, "covers", lambda *_: True)
    script = Script("hold", ((insert, "before", "waits while Redis is flushed"),), "hold")
    assert {each.partition(":")[0] for each in await stage.play(script)} == {"overlapping hold"}


async def test_a_cancel_that_redis_is_not_told_of_is_found(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing fails, a map that is too old is not excused as late."""
    await stage.open(is_redis_own=False, patch=monkeypatch)

    async def tell_nothing(*_: object) -> None:
        """In place of `release`."""

    monkeypatch.setattr(PendingUpdates, "release", tell_nothing)
    found = await stage.play(Script("cancel of a sale", ((0, "before", "waits"),), "nothing"))
    assert found[-1] == "the last maps show held, and not available"
    assert {each.partition(":")[0] for each in found[:-1]} == {"stale map"}


@pytest.mark.skipif(ONE_SCRIPT is None, reason="INTERLEAVING names no script")
async def test_every_promise_holds_in_one_script(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script.parse(ONE_SCRIPT or "")
    await stage.open(is_redis_own=True, patch=monkeypatch)
    assert await stage.play(script) == []
