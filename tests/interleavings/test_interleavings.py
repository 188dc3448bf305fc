"""At each exchange of a request with a store something happens, and every promise that was answered holds.

What happens: nothing but that time passes, the exchange is lost, the worker is killed, or Redis loses its data; and the
second customer acts just then. In `make test` one thing happens in a request; `make interleavings` tries two as well.
A script that fails is printed, and INTERLEAVING=script runs it alone.
"""

import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import get_args
from urllib.parse import urlsplit, urlunsplit

import pytest
from redis.asyncio import Redis

from reservation.booking.redis_lease import RedisLease
from tests.api import Api, Connection, Person
from tests.conftest import PATIENT, StartApi
from tests.faults.test_hold_promises import OwnRedis, own_redis
from tests.histories.history import FaultWindow
from tests.interleavings.exchanges import Exchanges, Stop, When, watched
from tests.interleavings.losses import FAULTS, lose_data
from tests.interleavings.world import ACTS, THENS, World

__all__ = ["own_redis"]

SEATS_A_ROW = 40
TWO_AT_ONCE = os.environ.get("INTERLEAVINGS") == "two"
ONE_SCRIPT = os.environ.get("INTERLEAVING")
WHENS: tuple[When, ...] = get_args(When)
SECOND_FAULTS = ("is lost", "waits while Redis is flushed")


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
        self._workers: list[Exchanges] = []
        self.showtime_id = 0
        self.names: list[str] = []

    async def open(self, *, is_redis_own: bool, patch: pytest.MonkeyPatch) -> None:
        """The workers, their customers, and a showtime that both workers know."""
        self._patch, self._redis = patch, self._own.proxy.url if is_redis_own else self._redis_url
        self.there = await self._start(**PATIENT, REDIS_URL=self._redis, DATABASE_URL=self._other_url)
        cinema = await self.there.cinema(26 if TWO_AT_ONCE else 4, SEATS_A_ROW)
        self.showtime_id, self._seats = cinema.showtime_id, iter(cinema.seat_ids)
        self.second = await self.there.sign_up()
        self.first = await self.there.sign_up()
        await self._look(self.there, self.second)
        await self._start_first()

    async def _start_first(self) -> None:
        self.here = await self._start(**PATIENT, REDIS_URL=self._redis)
        user = urlsplit(self.here.database_url).username or ""
        self.exchanges = Exchanges(self.here, user)
        await self._look(self.here, self.first)

    async def _look(self, api: Api, who: Person) -> None:
        """Have the worker read what it keeps: the showtime, and the session."""
        await api.statuses(self.showtime_id)
        assert (await api.call("GET", "/reservations", who=who)).status == 200

    async def play(self, script: Script) -> list[str]:
        """The broken promises; `names` are the exchanges of the request."""
        if self.exchanges.is_dead:
            await self._start_first()
        one, other = (self.here, self.first), (self.there, self.second)
        world = World(*one[:1], *other[:1], one[1], other[1], self.showtime_id, (next(self._seats),), self.exchanges)
        act, start = ACTS[script.act], time.time()
        held = await act.prepare(world)
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
        now = time.time()
        world.history.faults.append(FaultWindow("fault", frozenset({"redis", "worker"}), start, now, now))
        broken = await world.finish(self._db)
        return [f"{each.kind}: {each.what}" for each in broken if each.kind != "late map"]

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
    yield Stage(start_api, db, other_url, own_redis, redis_url)
    await db.execute(f"drop role {name}")


async def scripts_of(stage: Stage, act: str, fault: str) -> list[Script]:
    """All scripts of a request in which this happens; the request is made once to see its exchanges."""
    assert await stage.play(Script(act, (), "nothing")) == []
    exchanges = range(len(stage.names))
    assert len(exchanges) >= 2, stage.names
    points = [(number, when, fault) for number in exchanges for when in WHENS]
    found = [Script(act, (point,), then) for point in points for then in THENS]
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
@pytest.mark.parametrize("act", ACTS)
async def test_every_promise_holds_whatever_happens_at_an_exchange(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, act: str, fault: str
) -> None:
    if ONE_SCRIPT is not None:
        pytest.skip("one script runs alone")
    await stage.open(is_redis_own=FAULTS[fault][1] in {"restarted", "restored"}, patch=monkeypatch)
    scripts = await scripts_of(stage, act, fault)
    broken = {str(script): found for script in scripts if (found := await stage.play(script))}
    assert broken == {}


async def test_a_hold_that_is_not_checked_before_its_answer_is_found(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.open(is_redis_own=False, patch=monkeypatch)
    monkeypatch.setattr(RedisLease, "covers", lambda *_: True)
    script = Script("hold", ((1, "before", "waits while Redis is flushed"),), "hold")
    assert {each.partition(":")[0] for each in await stage.play(script)} == {"overlapping hold"}


@pytest.mark.skipif(ONE_SCRIPT is None, reason="INTERLEAVING names no script")
async def test_every_promise_holds_in_one_script(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script.parse(ONE_SCRIPT or "")
    await stage.open(is_redis_own=True, patch=monkeypatch)
    assert await stage.play(script) == []
