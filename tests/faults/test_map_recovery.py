"""Seat maps after a worker was killed between a commit and its announcement, and after PostgreSQL was restored."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Set
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import psycopg
import pytest
from psycopg import sql as psql
from redis.asyncio import Redis

from reservation.db import migrations as schema
from reservation.embedded import embedded_servers
from reservation.holds import pending_updates
from reservation.holds.hold_scan import ShowtimeScan
from reservation.holds.store import Holds
from reservation.holds.worker_marks import DATABASE_KEY, MARKS_KEY, RECOVERY_KEY, Mark, WorkerMarks
from reservation.seatmap import map_recovery
from tests.api import Answer, Api, Cinema, Person, slot
from tests.conftest import SECRET, StartApi
from tests.faults.proxy import Proxy
from tests.faults.test_serving import Instance
from tests.live_feed import following, shown

PATIENCE_S = 60.0
HOUR_US = 3600 * 1_000_000


@pytest.fixture(autouse=True)
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers of this process look for changes twice a second; those of other processes every 2 seconds."""
    monkeypatch.setattr(map_recovery, "PERIOD_S", 0.5)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


async def booked(api: Api, customer: Person, cinema: Cinema, seat_id: int) -> str:
    held = await api.hold(customer, cinema.showtime_id, [seat_id])
    assert (await api.confirm(customer, held.json["id"])).status == 200
    return str(held.json["id"])


async def get_map(api: Api, cinema: Cinema, known: str) -> Answer:
    path = f"/showtimes/{cinema.showtime_id}/seats"
    return await api.call("GET", path, headers={"If-None-Match": known})


async def until_changed(api: Api, cinema: Cinema, known: str) -> dict[int, str]:
    """The map, as soon as it is not answered with 304."""
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await get_map(api, cinema, known)).status == 304:
            await asyncio.sleep(0.05)
    assert answer.status == 200, answer.text
    return {seat["id"]: seat["status"] for seat in answer.json["seats"]}


async def start_scanned(redis: Redis, others: Set[str]) -> None:
    """Wait until a new worker has announced what it does at its start: in the first turn after its first mark."""
    seen = set[int]()
    async with asyncio.timeout(PATIENCE_S):
        while len(seen) < 3:
            seen |= {
                mark.announced_us for name, mark in (await WorkerMarks(redis).read()).items() if name not in others
            }
            await asyncio.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes through /proc")
@pytest.mark.parametrize("all_killed", [False, True], ids=["a worker lives", "all were killed an hour ago"])
async def test_a_cancel_of_a_killed_worker_is_announced(
    start_api: StartApi, db: "asyncpg.Connection[asyncpg.Record]", database_url: str, redis: Redis, redis_url: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, all_killed: bool,
) -> None:  # fmt: skip
    """It cannot reach Redis when it commits, and is killed before it can."""
    monkeypatch.setattr(map_recovery, "DEAD_AFTER_S", 5.0)
    api = await start_api()
    cinema, customer = await api.cinema(rows=1, seats_per_row=2), await api.sign_up()
    reservation_id = await booked(api, customer, cinema, cinema.seat_ids[0])
    others = (await WorkerMarks(redis).read()).keys()
    async with Proxy(redis_url) as proxy:
        doomed = Instance(tmp_path / "doomed", DATABASE_URL=database_url, REDIS_URL=proxy.url, JWT_SECRET=SECRET)
        try:
            assert await asyncio.to_thread(doomed.ready), doomed.printed()
            workers = doomed.workers()
            await start_scanned(redis, others)
            known = (await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")).headers["ETag"]
            await proxy.cut()
            async with (
                aiohttp.ClientSession(headers=customer.headers) as session,
                session.post(f"http://127.0.0.1:{doomed.port}/reservations/{reservation_id}/cancel") as answer,
            ):
                assert answer.status == 200, await answer.text()
        finally:
            for pid in (doomed.process.pid, *workers):
                os.kill(pid, signal.SIGKILL)
            doomed.process.wait()
    assert (await get_map(api, cinema, known)).status == 304
    if all_killed:
        await api.client.close()
        for worker, mark in (await WorkerMarks(redis).read()).items():
            earlier = Mark(mark.announced_us - HOUR_US, mark.alive_us - HOUR_US)
            await WorkerMarks(redis).write(worker, earlier)
        await db.execute("update reservations set cancelled_at = cancelled_at - interval '1 hour'")
        api = await start_api()

    assert await until_changed(api, cinema, known) == dict.fromkeys(cinema.seat_ids, "available")


@pytest.mark.parametrize("what", ["price", "seat", "confirm"])
async def test_a_commit_without_its_announcement_is_announced_at_the_next_start(
    start_api: StartApi, db: "asyncpg.Connection[asyncpg.Record]", what: str
) -> None:
    """The change is made as a worker makes it that is killed right after the commit."""
    api = await start_api()
    cinema, customer = await api.cinema(rows=1, seats_per_row=3), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json
    before = await shown(api, cinema.showtime_id)
    if what == "price":
        await db.execute("update showtimes set base_price = 99, updated_at = clock_timestamp()")
    elif what == "seat":
        await db.execute("update seats set retired_at = now() where id = $1", cinema.seat_ids[2])
        await db.execute("update auditoriums set updated_at = clock_timestamp()")
    else:
        await db.execute("update reservations set status = 'confirmed', confirmed_at = now()")
        await db.execute(
            "insert into booked_seats (showtime_id, seat_id, reservation_id) values ($1, $2, $3)",
            cinema.showtime_id, cinema.seat_ids[0], held["id"],
        )  # fmt: skip
    known = f'"{before["version"]}"'
    assert (await get_map(api, cinema, known)).status == 304

    await start_api()

    statuses = await until_changed(api, cinema, known)
    after = await shown(api, cinema.showtime_id)
    assert len(statuses) == (2 if what == "seat" else 3)
    assert {seat["price"] for seat in after["seats"]} == {"99.00" if what == "price" else "10.00"}
    assert statuses[cinema.seat_ids[0]] == ("booked" if what == "confirm" else "held")


@pytest.mark.parametrize("change", ["partial cancel", "exchange", "exchange for another showtime"])
async def test_a_change_of_seats_without_its_announcement_is_announced_at_the_next_start(
    start_api: StartApi, db: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The worker commits the change, and tells Redis nothing of it."""
    api = await start_api()
    cinema, customer = await api.cinema(rows=1, seats_per_row=3), await api.sign_up()
    first, second, third = cinema.seat_ids
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    both = [cinema, replace(cinema, showtime_id=later)]
    held = await api.hold(customer, cinema.showtime_id, [first, second])
    assert (await api.confirm(customer, held.json["id"])).status == 200
    await db.execute("update reservations set confirmed_at = confirmed_at - interval '1 hour'")
    known = [f'"{(await shown(api, each.showtime_id))["version"]}"' for each in both]

    async def release(*_: object) -> None:
        pass

    with monkeypatch.context() as patch:
        patch.setattr(pending_updates.PendingUpdates, "release", release)
        patch.setattr(Holds, "take", lambda *_, **__: asyncio.sleep(0, frozenset()))
        what, body = {
            "partial cancel": ("cancel", {"seat_ids": [first]}),
            "exchange": ("exchange", {"seat_ids": [second, third]}),
            "exchange for another showtime": ("exchange", {"seat_ids": [third], "showtime_id": later}),
        }[change]
        changed = await api.call("POST", f"/reservations/{held.json['id']}/{what}", body, who=customer)
        assert changed.status == 200, changed.text
    assert [(await get_map(api, each, etag)).status for each, etag in zip(both, known, strict=True)] == [304, 304]

    await start_api()

    statuses = await until_changed(api, cinema, known[0])
    booked_now = {"partial cancel": {second}, "exchange": {second, third}}.get(change, set())
    assert {seat for seat, status in statuses.items() if status == "booked"} == booked_now
    if change == "exchange for another showtime":
        assert (await until_changed(api, both[1], known[1]))[third] == "booked"


async def test_the_start_of_a_worker_leaves_maps_without_a_change_as_they_are(
    start_api: StartApi, redis: Redis
) -> None:
    api = await start_api()
    cinema, customer = await api.cinema(rows=1, seats_per_row=3), await api.sign_up()
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    async with following(api, cinema.showtime_id) as stream:
        assert await stream.next() is not None
        version, layout = await redis.hmget(f"{{{cinema.showtime_id}}}:map", ["version", "layout"])
        marks = WorkerMarks(redis)
        others = (await marks.read()).keys()

        await start_api()

        [worker] = (await marks.read()).keys() - others
        first = (await marks.read())[worker]
        async with asyncio.timeout(PATIENCE_S):
            while (await marks.read())[worker].announced_us == first.announced_us:  # its second turn comes after
                await asyncio.sleep(0.05)
        assert await redis.hmget(f"{{{cinema.showtime_id}}}:map", ["version", "layout"]) == [version, layout]
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2])
        event = await stream.next()
        assert event is not None
        assert (event.kind, event.id, event.statuses) == ("seats", int(version or 0) + 1, {cinema.seat_ids[1]: "held"})


async def test_a_cancel_whose_update_was_dropped_is_announced(
    start_api: StartApi, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many updates wait for Redis that no more are kept."""
    monkeypatch.setattr(pending_updates, "MAX_PENDING", 0)
    async with Proxy(redis_url) as proxy:
        api = await start_api(REDIS_URL=proxy.url)
        cinema, customer = await api.cinema(rows=1, seats_per_row=2), await api.sign_up()
        reservation_id = await booked(api, customer, cinema, cinema.seat_ids[0])
        known = (await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")).headers["ETag"]
        await proxy.cut()
        assert (await api.cancel(customer, reservation_id)).status == 200
        await proxy.open()
        assert await until_changed(api, cinema, known) == dict.fromkeys(cinema.seat_ids, "available")
        await api.client.close()


async def test_a_worker_shows_that_it_is_alive_while_postgresql_is_away(
    start_api: StartApi, database_url: str, redis: Redis
) -> None:
    marks = WorkerMarks(redis)
    async with Proxy(database_url) as proxy:
        api = await start_api(DATABASE_URL=proxy.url)
        await proxy.cut()
        seen = set[int]()
        async with asyncio.timeout(PATIENCE_S):
            while len(seen) < 4:  # one is from before, and one may be of a turn that had read PostgreSQL
                [mark] = (await marks.read()).values()
                seen.add(mark.alive_us)
                await asyncio.sleep(0.05)
        await proxy.open()
        await api.client.close()


async def test_one_worker_at_a_time_recovers_the_changes_of_dead_ones(redis: Redis) -> None:
    marks = WorkerMarks(redis)
    assert await marks.claim_recovery("one", 60)
    assert not await marks.claim_recovery("other", 60)
    assert await marks.claim_recovery("one", 60)
    assert 0 < await redis.ttl(RECOVERY_KEY) <= 60


async def test_a_scan_of_the_maps_goes_on_from_a_cursor(redis: Redis) -> None:
    every = set(range(1, 5001))
    async with redis.pipeline() as pipe:
        for showtime_id in every:
            pipe.hset(f"{{{showtime_id}}}:map", "version", "1")
        await pipe.execute()
    scan = ShowtimeScan(redis)
    first = await scan.read()
    await scan.advance()
    was_done = scan.is_done
    assert not was_done
    assert set(first) < every
    rest = set[int]()
    while not scan.is_done:
        rest |= set(await scan.read())
        await scan.advance()
    assert set(first) | rest == every
    assert not set(first) <= rest


async def test_a_worker_removes_its_mark_when_it_stops(start_api: StartApi, redis: Redis) -> None:
    api = await start_api()
    assert len(await redis.hkeys(MARKS_KEY)) == 1
    await api.client.close()
    assert await redis.hkeys(MARKS_KEY) == []


async def raised_above(redis: Redis, generation: int) -> None:
    """Wait until a worker has raised the database's generation."""
    async with asyncio.timeout(PATIENCE_S):
        while int(await redis.hget(DATABASE_KEY, "generation") or 0) <= generation:
            await asyncio.sleep(0.05)


def generation_of(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("select generation from database_generation").fetchone()
    assert row is not None
    return int(row[0])


def set_seat_type(url: str, seat_type: str) -> int:
    """Change all seats; the version of the plan of the only room."""
    with psycopg.connect(url) as connection:
        connection.execute("update seats set seat_type = %s", [seat_type])
        row = connection.execute("select plan_version from auditoriums").fetchone()
    assert row is not None
    return int(row[0])


async def layout_seats(api: Api, cinema: Cinema) -> list[dict[str, str]]:
    seats: list[dict[str, str]] = (await api.call("GET", f"/auditoriums/{cinema.auditorium_id}/layout")).json["seats"]
    return seats


async def test_maps_are_forgotten_after_an_older_data_directory_was_put_back(
    start_api: StartApi, data_dir: Path, tmp_path: Path, redis: Redis
) -> None:
    """PostgreSQL is the same cluster on the same timeline, and the workers go on running."""
    backup = tmp_path / "backup"
    with embedded_servers(data_dir, fast=True) as own:
        schema.apply(own.database_url)
        proxy = Proxy(own.database_url)
        await proxy.open()
        api = await start_api(DATABASE_URL=proxy.url)
        api.database_url = own.database_url
        cinema, customer = await api.cinema(rows=1, seats_per_row=2), await api.sign_up()
        kept, lost = cinema.seat_ids
        await booked(api, customer, cinema, kept)
        await proxy.cut()
        generation = generation_of(own.database_url)
    shutil.copytree(data_dir / "postgres", backup)
    with embedded_servers(data_dir, fast=True) as own:
        proxy.aim(own.database_url)
        await proxy.open()
        async with asyncio.timeout(PATIENCE_S):
            while (await api.hold(customer, cinema.showtime_id, [lost])).status != 201:
                await asyncio.sleep(0.05)
        [newest, *_] = (await api.call("GET", "/reservations", who=customer)).json["items"]
        assert (await api.confirm(customer, newest["id"])).status == 200
        premium = set_seat_type(own.database_url, "premium")
        other = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
        before = await shown(api, cinema.showtime_id)
        assert {seat["seat_type"] for seat in (await shown(api, other))["seats"]} == {"premium"}
        assert {seat["seat_type"] for seat in await layout_seats(api, cinema)} == {"premium"}
        await raised_above(redis, generation)
        await proxy.cut()
    shutil.rmtree(data_dir / "postgres")
    backup.rename(data_dir / "postgres")
    with embedded_servers(data_dir, fast=True) as own:
        assert set_seat_type(own.database_url, "wheelchair") == premium  # the same version of another plan
        proxy.aim(own.database_url)
        await proxy.open()
        statuses = await until_changed(api, cinema, f'"{before["version"]}"')
        assert statuses == {kept: "booked", lost: "available"}
        after = await shown(api, cinema.showtime_id)
        assert after["version"] > before["version"]
        for seats in (after["seats"], await layout_seats(api, cinema)):
            assert {seat["seat_type"] for seat in seats} == {"wheelchair"}
        await api.client.close()
        await proxy.cut()


async def test_maps_are_forgotten_after_the_database_was_replaced_by_a_copy(
    start_api: StartApi, database_url: str
) -> None:
    """The worker that notices it is a new one."""
    api = await start_api()
    cinema, customer = await api.cinema(rows=1, seats_per_row=2), await api.sign_up()
    await shown(api, cinema.showtime_id)
    await api.client.close()
    name = urlsplit(database_url).path.lstrip("/")
    database, copy = psql.Identifier(name), psql.Identifier(f"{name}_copy")
    with psycopg.connect(database_url.replace(name, "postgres"), autocommit=True) as connection, ExitStack() as stack:
        connection.execute(psql.SQL("create database {} template {}").format(copy, database))
        stack.callback(connection.execute, psql.SQL("drop database if exists {}").format(copy))
        api = await start_api()
        await booked(api, customer, cinema, cinema.seat_ids[0])
        before = await shown(api, cinema.showtime_id)
        await api.client.close()
        connection.execute(psql.SQL("drop database {} with (force)").format(database))
        connection.execute(psql.SQL("alter database {} rename to {}").format(copy, database))

    api = await start_api()

    answer = await get_map(api, cinema, f'"{before["version"]}"')
    assert answer.status == 200
    assert {seat["status"] for seat in answer.json["seats"]} == {"available"}
