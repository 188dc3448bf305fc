"""Seat maps are rendered once per version, and show every change answered before their request, on all instances."""

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.db.statements import sql
from reservation.http.app_keys import SEAT_MAPS
from reservation.seatmap import seat_maps
from reservation.seatmap.seat_maps import SeatMaps
from tests.api import Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi

AVAILABLE, HELD, BOOKED = frozenset({"available"}), frozenset({"held"}), frozenset({"booked"})


@pytest.fixture
async def here(start_api: StartApi) -> Api:
    return await start_api()


@pytest.fixture
async def there(start_api: StartApi) -> Api:
    """Another instance on the same stores."""
    return await start_api()


@dataclass(frozen=True, slots=True)
class Seen:
    """A map, and when it was requested and answered."""

    asked: float
    answered: float
    version: int
    statuses: dict[int, str]


@dataclass(slots=True)
class Reader:
    """Reads one map repeatedly; one that `remembers` sends If-None-Match."""

    showtime_id: int
    remembers: bool
    etag: str | None = None
    known: dict[int, str] = field(default_factory=dict)
    unchanged: int = 0

    async def read(self, api: Api) -> Seen:
        headers = {"If-None-Match": self.etag} if self.remembers and self.etag else {}
        asked = perf_counter()
        async with api.client.get(f"/showtimes/{self.showtime_id}/seats", headers=headers) as answer:
            body = await answer.read()
        answered = perf_counter()
        if answer.status == 304:
            assert answer.headers["ETag"] == self.etag
            self.unchanged += 1
        else:
            assert answer.status == 200, body
            shown = json.loads(body)
            self.etag = answer.headers["ETag"]
            assert self.etag.strip('"').removesuffix("-gzip") == str(shown["version"])
            self.known = {seat["id"]: seat["status"] for seat in shown["seats"]}
        return Seen(asked, answered, int(self.etag.strip('"').removesuffix("-gzip")), self.known)


@dataclass(slots=True)
class History:
    """The statuses that a seat may have from a moment on; during a change that is the old and the new one."""

    allowed: list[tuple[float, frozenset[str]]] = field(default_factory=lambda: [(0.0, AVAILABLE)])

    def now(self, statuses: frozenset[str]) -> None:
        self.allowed.append((perf_counter(), statuses))

    def between(self, asked: float, answered: float) -> frozenset[str]:
        """What a map may show that was requested and answered at these times."""
        ends = [start for start, _ in self.allowed[1:]] + [float("inf")]
        overlapping = [
            statuses
            for (start, statuses), end in zip(self.allowed, ends, strict=True)
            if start <= answered and asked <= end
        ]
        return frozenset().union(*overlapping)


async def customer(
    apis: Sequence[Api], who: Person, cinema: Cinema, seats: list[int], history: History, *, dice: random.Random,
    held: frozenset[str],
) -> None:  # fmt: skip
    """Hold, perhaps confirm, and cancel, on a random instance; `held` is what a hold may be shown as."""
    for _ in range(8):
        history.now(AVAILABLE | held)
        made = await dice.choice(apis).hold(who, cinema.showtime_id, seats)
        assert made.status == 201, made.text
        history.now(held)
        last = held
        if dice.random() < 0.7:
            history.now(held | BOOKED)
            confirmed = await dice.choice(apis).confirm(who, made.json["id"])
            assert confirmed.status == 200, confirmed.text
            history.now(BOOKED)
            last = BOOKED
            await asyncio.sleep(dice.random() * 0.02)
        history.now(last | AVAILABLE)
        cancelled = await dice.choice(apis).cancel(who, made.json["id"])
        assert cancelled.status == 200, cancelled.text
        history.now(AVAILABLE)


@pytest.mark.parametrize("flushed", [False, True], ids=["", "while redis loses all"])
async def test_a_map_shows_every_change_answered_before_its_request(
    here: Api, there: Api, redis_url: str, flushed: bool
) -> None:
    """After Redis lost a hold its seat may be shown available until PostgreSQL is read again; a booked seat may not."""
    dice, apis = random.Random(4711), (here, there)
    cinema = await here.cinema(rows=2, seats_per_row=5)
    people = [await here.sign_up() for _ in range(4)]
    histories = {seat_id: History() for seat_id in cinema.seat_ids}
    seen: list[list[Seen]] = []
    readers = [Reader(cinema.showtime_id, remembers=number % 2 == 0) for number in range(6)]
    done = asyncio.Event()

    async def read_on(reader: Reader) -> None:
        own: list[Seen] = []
        seen.append(own)
        while not done.is_set():
            own.append(await reader.read(dice.choice(apis)))
            await asyncio.sleep(0)

    async def flush_on() -> None:
        async with Redis.from_url(redis_url) as client:
            while not done.is_set():
                await client.flushall()
                # An answer may take a loss or two, not one after the other for as long as a busy machine needs for it.
                enough = [len(own) + 2 for own in seen]
                while not done.is_set() and any(len(own) < wanted for own, wanted in zip(seen, enough, strict=True)):
                    await asyncio.sleep(0.005)
                await asyncio.sleep(0.01)

    watching = [asyncio.create_task(read_on(reader)) for reader in readers]
    if flushed:
        watching.append(asyncio.create_task(flush_on()))
    held = HELD | AVAILABLE if flushed else HELD
    try:
        await asyncio.gather(
            *(
                customer(
                    apis, who, cinema, [cinema.seat_ids[place]], histories[cinema.seat_ids[place]], dice=dice, held=held
                )
                for place, who in enumerate(people)
            )
        )
    finally:
        done.set()
        await asyncio.gather(*watching)

    for own in seen:
        assert [one.version for one in own] == sorted(one.version for one in own)
        for one in own:
            for seat_id, status in one.statuses.items():
                assert status in histories[seat_id].between(one.asked, one.answered), (seat_id, status)
    maps = [one for own in seen for one in own]
    assert {status for one in maps for status in one.statuses.values()} == {"available", "held", "booked"}
    assert flushed or sum(reader.unchanged for reader in readers) > 0


async def test_history_allows_both_statuses_during_a_change() -> None:
    history = History([(0.0, AVAILABLE), (10.0, AVAILABLE | HELD), (11.0, HELD), (20.0, HELD | BOOKED), (21.0, BOOKED)])
    assert history.between(1, 2) == AVAILABLE
    assert history.between(9, 10.5) == AVAILABLE | HELD
    assert history.between(12, 13) == HELD
    assert history.between(19, 30) == HELD | BOOKED
    assert history.between(22, 30) == BOOKED


async def shown(api: Api, showtime_id: int, etag: str | None = None) -> tuple[int, Any]:
    headers = {} if etag is None else {"If-None-Match": etag}
    answer = await api.call("GET", f"/showtimes/{showtime_id}/seats", headers=headers)
    return answer.status, answer.json


async def test_statuses_are_right_after_redis_lost_its_data(here: Api, there: Api, redis_url: str) -> None:
    cinema, who = await here.cinema(rows=1, seats_per_row=3), await here.sign_up()
    seat, readers = cinema.seat_ids[0], {id(api): Reader(cinema.showtime_id, remembers=True) for api in (here, there)}
    versions: list[int] = []

    async def expect(status: str) -> None:
        for loses in (False, True, True):
            if loses:
                async with Redis.from_url(redis_url) as client:
                    await client.flushall()
            for api in (here, there, here):
                one = await readers[id(api)].read(api)
                assert one.statuses == {seat_id: status if seat_id == seat else "available" for seat_id in one.statuses}
                assert not versions or one.version >= versions[-1]
                versions.append(one.version)

    await expect("available")
    for ends_with in ("cancel", "confirm"):
        made = await here.hold(who, cinema.showtime_id, [seat])
        await expect("held")
        if ends_with == "confirm":
            assert (await there.confirm(who, made.json["id"])).status == 200
            await expect("booked")
        assert (await there.cancel(who, made.json["id"])).status == 200
        await expect("available")


async def change_price(api: Api, cinema: Cinema) -> None:
    await replace(api, cinema, base_price="12.00")


async def change_room(api: Api, cinema: Cinema) -> None:
    await replace(api, cinema, auditorium_id=(await api.auditorium(2, 2))[0])


async def replace(api: Api, cinema: Cinema, **fields: Any) -> None:
    body = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "10.00"} | slot(24)
    answer = await api.call("PUT", f"/admin/showtimes/{cinema.showtime_id}", body | fields, who=await api.admin())
    assert answer.status == 200, answer.text


async def add_seats(api: Api, cinema: Cinema) -> None:
    room = f"/admin/auditoriums/{cinema.auditorium_id}"
    await api.call("PUT", room, {"name": "R", "capacity": 9}, who=await api.admin())
    await api.make(f"{room}/seats/batch", {"rows": 1, "seats_per_row": 2})


async def drop_seat(api: Api, cinema: Cinema) -> None:
    gone = await api.call("DELETE", f"/admin/seats/{cinema.seat_ids[0]}", who=await api.admin())
    assert gone.status == 204


@pytest.mark.parametrize(
    ("change", "prices"),
    [
        (change_price, ["12.00"] * 3),
        (change_room, ["10.00"] * 4),
        (add_seats, ["10.00"] * 5),
        (drop_seat, ["10.00"] * 2),
    ],
)
async def test_an_administrators_change_is_shown_by_all_instances(
    here: Api, there: Api, change: Callable[[Api, Cinema], Any], prices: list[str]
) -> None:
    cinema = await here.cinema(rows=1, seats_per_row=3)
    for api in (here, there, here, there):
        status, before = await shown(api, cinema.showtime_id)
        assert (status, [seat["price"] for seat in before["seats"]]) == (200, ["10.00"] * 3)

    await change(here, cinema)

    for api in (there, here):
        for etag in (f'"{before["version"]}"', None):
            status, after = await shown(api, cinema.showtime_id, etag)
            assert (status, [seat["price"] for seat in after["seats"]]) == (200, prices)
            assert after["version"] > before["version"]


async def test_a_deleted_showtime_is_404_on_all_instances(here: Api, there: Api) -> None:
    cinema = await here.cinema(rows=1, seats_per_row=3)
    for api in (here, there):
        _, known = await shown(api, cinema.showtime_id)
    gone = await here.call("DELETE", f"/admin/showtimes/{cinema.showtime_id}", who=await here.admin())
    assert gone.status == 204
    for api in (there, here):
        for etag in (f'"{known["version"]}"', "*", None):
            assert (await shown(api, cinema.showtime_id, etag))[0] == 404


async def calls_of(db: Connection, statement: str) -> int:
    """How often the statement was run on this database."""
    await db.execute("create extension if not exists pg_stat_statements")
    calls = await db.fetchval(
        "select coalesce(sum(calls), 0) from pg_stat_statements as s"
        " inner join pg_database as d on s.dbid = d.oid"
        " where d.datname = current_database() and position($1 in s.query) > 0",
        sql(statement).partition("*/")[2].strip()[:70],
    )
    return int(calls)


async def test_a_map_is_rendered_once_for_concurrent_requests(here: Api, db: Connection) -> None:
    cinema, who = await here.cinema(), await here.sign_up()
    await here.statuses(cinema.showtime_id)
    made = await here.hold(who, cinema.showtime_id, cinema.seat_ids[:2])
    before = await calls_of(db, "showtimes/layouts")
    assert before > 0

    async def read_by_many() -> set[bytes]:
        async def read() -> bytes:
            async with here.client.get(f"/showtimes/{cinema.showtime_id}/seats") as answer:
                return await answer.read()

        return set(await asyncio.gather(*(read() for _ in range(60))))

    [first] = await read_by_many()
    assert [seat["status"] for seat in json.loads(first)["seats"][:3]] == ["held", "held", "available"]
    drawn = await calls_of(db, "showtimes/layouts")
    # Full batches of requests, and two batches that started before there were many.
    assert 1 <= drawn - before <= 60 // seat_maps.MAX_IN_A_BATCH + 3
    assert await read_by_many() == {first}
    assert await calls_of(db, "showtimes/layouts") == drawn
    assert (await here.cancel(who, made.json["id"])).status == 200
    [last] = await read_by_many()
    assert last != first


async def test_a_plan_is_read_once_until_it_changes(here: Api, db: Connection) -> None:
    started = await calls_of(db, "auditoriums/plans")
    cinema, who = await here.cinema(), await here.sign_up()
    await here.statuses(cinema.showtime_id)
    before = await calls_of(db, "auditoriums/plans")
    for days in (2, 3):
        show = await here.showtime(cinema.movie_id, cinema.auditorium_id, **slot(24 * days), base_price=f"1{days}.00")
        made = await here.hold(who, show, cinema.seat_ids[:2])
        assert (await here.statuses(show))[cinema.seat_ids[0]] == "held"
        await here.cancel(who, made.json["id"])
        assert (await here.statuses(show))[cinema.seat_ids[0]] == "available"
    await change_price(here, cinema)
    await here.statuses(cinema.showtime_id)
    assert await calls_of(db, "auditoriums/plans") == before == started + 1
    gone = await here.call("DELETE", f"/admin/seats/{cinema.seat_ids[-1]}", who=await here.admin())
    assert gone.status == 204
    for showtime_id in (cinema.showtime_id, show):
        assert len(await here.statuses(showtime_id)) == len(cinema.seat_ids) - 1
    assert await calls_of(db, "auditoriums/plans") == before + 1


@pytest.mark.parametrize("room_for", [0.5, 2.5])
async def test_cached_maps_are_bounded_and_right(here: Api, room_for: float) -> None:
    cinema, who = await here.cinema(), await here.sign_up()
    shows = [cinema.showtime_id]
    for days in range(2, 6):
        shows += [await here.showtime(cinema.movie_id, cinema.auditorium_id, **slot(24 * days))]
    for place, showtime_id in enumerate(shows):
        assert (await here.hold(who, showtime_id, [cinema.seat_ids[place]])).status == 201
    size = len(json.dumps((await shown(here, shows[0]))[1], separators=(",", ":")))
    server: Any = here.client.server
    kept: SeatMaps = server.app[SEAT_MAPS]
    kept.drawings.max_bytes = int(room_for * size)
    kept.maps.max_bytes = int(room_for * (seat_maps.MAP_BYTES + len(cinema.seat_ids)))
    for which in (1, 2, 3, 4, 0, *range(5), 0, 0, 1, 4, 1, 0):
        made = await here.hold(who, shows[which], cinema.seat_ids[-1:])
        await here.statuses(shows[which])
        await here.cancel(who, made.json["id"])  # so that the next map takes the place of this one
        statuses = await here.statuses(shows[which])
        held = [seat_id for seat_id, status in statuses.items() if status == "held"]
        assert held == [cinema.seat_ids[which]]
        for cache in (kept.drawings, kept.maps):
            assert cache.bytes_used <= cache.max_bytes
        assert len(kept.maps) <= room_for
    assert len(kept.maps) == int(room_for)


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_only_the_drawings_of_maps_that_are_read_again_are_kept(here: Api, coding: str) -> None:
    cinema, who = await here.cinema(), await here.sign_up()
    server: Any = here.client.server
    kept: SeatMaps = server.app[SEAT_MAPS]

    async def read() -> dict[int, str]:
        path, headers = f"/showtimes/{cinema.showtime_id}/seats", {"Accept-Encoding": coding}
        async with here.client.get(path, headers=headers) as answer:
            return {seat["id"]: seat["status"] for seat in (await answer.json())["seats"]}

    drawings = 1 if coding == "identity" else 2  # a compressed one is made from a plain one
    first = await read()
    assert (set(first.values()), len(kept.drawings)) == ({"available"}, 0)
    assert (await read(), len(kept.drawings)) == (first, drawings)
    made = await here.hold(who, cinema.showtime_id, cinema.seat_ids[:1])
    assert (made.status, (await read())[cinema.seat_ids[0]], len(kept.drawings)) == (201, "held", drawings)
    kept.drawings.clear()
    assert (await here.cancel(who, made.json["id"])).status == 200
    # It was drawn before, at another version.
    assert (await read(), len(kept.drawings)) == (first, drawings)
