"""The job that sets the status of expired holds, some at a time; clients see no difference before and after."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from reservation.booking.jobs import expire as expire_job
from reservation.booking.jobs.expire import NEXT_ID_KEY, expire_past_holds
from reservation.db.pool_options import pool_options
from reservation.db.statements import sql
from reservation.http.app_keys import DATABASE
from tests.api import Answer, Api, Cinema, Connection, Person
from tests.conftest import StartApi, make_settings
from tests.races.test_booking_races import assert_sound

LONG_AGO_S = 10_000


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


async def expire(api: Api, redis: Redis, *, age_s: int = 0, margin_s: int = 0) -> int:
    """A run of the job, as the service makes them."""
    server: Any = api.client.server
    return await expire_past_holds(redis, server.app[DATABASE], age_s=age_s, margin_s=margin_s)


async def hold(api: Api, who: Person, cinema: Cinema, first: int, seats: int = 1) -> Any:
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[first : first + seats])
    assert held.status == 201, held.text
    return held.json


async def run_out(db: Connection, reservation_id: str) -> None:
    """Let all the time pass that a hold has."""
    await db.execute(
        "update reservations set created_at = created_at - $2 * interval '1 second',"
        " expires_at = expires_at - $2 * interval '1 second' where id = $1",
        reservation_id,
        LONG_AGO_S,
    )


async def status(db: Connection, reservation_id: str) -> str:
    """What the row says."""
    found: str = await db.fetchval("select status from reservations where id = $1", reservation_id)
    return found


async def test_only_past_holds_are_marked_as_expired(api: Api, db: Connection, redis: Redis, redis_url: str) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    holds = [await hold(api, who, cinema, number) for number in range(4)]
    live, past, confirmed, cancelled = (one["id"] for one in holds)
    assert (await api.confirm(who, confirmed)).status == 200
    assert (await api.cancel(who, cancelled)).status == 200
    for one in (past, confirmed, cancelled):
        await run_out(db, one)

    assert await expire(api, redis) == 1

    assert [await status(db, one) for one in (live, past, confirmed, cancelled)] == [
        "held",
        "expired",
        "confirmed",
        "cancelled",
    ]
    assert await expire(api, redis) == 0
    await redis.delete(f"{{{cinema.showtime_id}}}:seat:{cinema.seat_ids[1]}")  # whose time we turned back
    await redis.zrem(f"{{{cinema.showtime_id}}}:held", cinema.seat_ids[1])
    await assert_sound(db, redis_url)


async def test_answers_are_the_same_before_and_after_the_job(api: Api, db: Connection, redis: Redis) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    reservation_id = (await hold(api, who, cinema, 0))["id"]
    await run_out(db, reservation_id)

    async def seen() -> list[tuple[int, Any]]:
        paths = (f"/reservations/{reservation_id}", "/reservations", "/reservations?status=expired")
        answers: list[Answer] = [await api.call("GET", path, who=who) for path in paths]
        answers += [await api.call("GET", "/reservations?status=held", who=who)]
        for act in (api.extend, api.cancel):
            answers.append(await act(who, reservation_id))
        return [(answer.status, answer.json.get("code", answer.json)) for answer in answers]

    before = await seen()
    assert await expire(api, redis) == 1
    assert await status(db, reservation_id) == "expired"

    assert await seen() == before
    assert [code for _, code in before[-2:]] == ["hold_expired"] * 2


async def test_young_holds_and_those_within_the_margin_are_left(api: Api, db: Connection, redis: Redis) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    reservation_id = (await hold(api, who, cinema, 0))["id"]
    await run_out(db, reservation_id)

    assert await expire(api, redis, age_s=600) == 0  # by the time in its id it has just been made
    assert await expire(api, redis, margin_s=LONG_AGO_S) == 0
    assert await expire(api, redis) == 1


async def test_the_job_continues_at_its_stored_id_or_at_the_start_if_it_is_lost(
    api: Api, db: Connection, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    holds = [(await hold(api, who, cinema, number))["id"] for number in range(5)]
    for one in holds:
        await run_out(db, one)
    monkeypatch.setattr(expire_job, "ROWS_A_BATCH", 2)
    monkeypatch.setattr(expire_job, "MAX_BATCHES", 2)

    assert await expire(api, redis) == 3  # each batch begins with the last row of the one before
    assert UUID(str(await redis.get(NEXT_ID_KEY))) == UUID(holds[2])
    assert await expire(api, redis) == 2

    await db.execute("update reservations set status = 'held' where id = $1", holds[0])
    assert await expire(api, redis) == 0  # it is past that
    await redis.set(NEXT_ID_KEY, "not an id")
    assert await expire(api, redis) == 1


async def test_a_locked_hold_is_skipped_and_expired_by_the_next_run(api: Api, db: Connection, redis: Redis) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    holds = [(await hold(api, who, cinema, number))["id"] for number in range(3)]
    for one in holds:
        await run_out(db, one)
    async with db.transaction():
        await db.execute("select id from reservations where id = $1 for update", holds[1])
        assert await expire(api, redis) == 2
    assert await expire(api, redis) == 1
    assert {await status(db, one) for one in holds} == {"expired"}


async def test_confirms_extends_and_cancels_during_the_job_have_one_outcome(
    start_api: StartApi, db: Connection, redis: Redis, redis_url: str
) -> None:
    api = await start_api(HOLD_TTL_SECONDS="1", HOLD_MAX_SECONDS="2", MAX_SEATS_PER_HOLD="1")
    cinema, who = await api.cinema(), await api.sign_up()
    holds = [await hold(api, who, cinema, number) for number in range(45)]
    ids = [one["id"] for one in holds]
    done = asyncio.Event()

    async def job() -> int:
        retired = 0
        while not done.is_set():
            await redis.delete(NEXT_ID_KEY)
            retired += await expire(api, redis)
        return retired

    async def act(number: int, reservation_id: str) -> Answer:
        end = datetime.fromisoformat(holds[number]["expires_at"])
        left = await db_clock(api, end)
        await asyncio.sleep(max(0.0, left + (number % 15 - 8) * 0.005))
        request = (api.confirm, api.extend, api.cancel)[number % 3]
        while (answer := await request(who, reservation_id)).code == "row_locked":  # the job takes its time
            pass
        return answer

    working = asyncio.create_task(job())
    answers = await asyncio.gather(*(act(number, one) for number, one in enumerate(ids)))
    async with asyncio.timeout(20):
        while await db.fetchval("select count(*) from reservations where status = 'held'"):
            await asyncio.sleep(0.05)
    done.set()
    retired = await working

    found = [await status(db, one) for one in ids]
    for number, (answer, now) in enumerate(zip(answers, found, strict=True)):
        assert answer.status in {200, 410}, answer.text
        kept = {0: "confirmed", 1: "expired", 2: "cancelled"}[number % 3] if answer.status == 200 else "expired"
        assert now == kept, (number, answer.text)
    late = sum(answer.json.get("late", False) for answer in answers)  # some of them were marked as expired before
    assert 0 < found.count("expired") <= retired <= found.count("expired") + late
    assert await db.fetchval("select count(*) from booked_seats") == found.count("confirmed")
    await assert_sound(db, redis_url)


async def db_clock(api: Api, end: datetime) -> float:
    """Seconds until then, by PostgreSQL's clock, which decides."""
    server: Any = api.client.server
    async with server.app[DATABASE].connection() as conn:
        left: float = await conn.fetchval("select extract(epoch from $1 - clock_timestamp())::float8", end)
    return left


async def test_a_worker_runs_the_job_at_its_start(start_api: StartApi, db: Connection, redis: Redis) -> None:
    api = await start_api()
    cinema, who = await api.cinema(), await api.sign_up()
    # Of hours ago by its id, too, as nothing is that a test can make through the API.
    old = UUID(
        int=int((await db.fetchval("select extract(epoch from now()) - 10000")) * 1000) << 80 | 7 << 76 | 2 << 62
    )
    await db.execute(
        "insert into reservations (id, user_id, showtime_id, total_price, created_at, expires_at)"
        " values ($1, $2, $3, 10, now() - interval '10000 seconds', now() - interval '9000 seconds')",
        old,
        who.id,
        cinema.showtime_id,
    )
    await redis.delete("reservation:job:expire_past_holds")

    await start_api()  # another worker runs the job at its start

    async with asyncio.timeout(20):
        while await status(db, str(old)) != "expired":
            await asyncio.sleep(0.05)


async def test_a_batch_of_the_job_reads_as_many_blocks_of_a_larger_table(
    db: Connection, database_url: str, tmp_path: Any
) -> None:
    """By the service's own connection and plan: blocks of one batch of a thousand, at two sizes of the table."""
    await db.execute("insert into users (name, email, password_hash) values ('A', 'a@example.com', 'x')")
    await db.execute("insert into movies (title, duration_minutes) values ('F', 90)")
    await db.execute("insert into auditoriums (name, capacity) values ('R', 9)")
    await db.execute(
        "insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)"
        " values (1, 1, now(), now() + interval '1 hour', now() + interval '1 hour', 1)"
    )
    options = pool_options(make_settings(database_url, "redis://127.0.0.1", tmp_path))["server_settings"]
    for name, value in options.items():
        await db.execute("select set_config($1, $2, false)", name, value)
    await db.execute(f"prepare retire as {sql('reservations/expire_holds')}")
    blocks = []
    for first, count in ((0, 3_000), (3_000, 60_000)):
        await db.execute(
            "insert into reservations"
            " (id, user_id, showtime_id, status, total_price, created_at, expires_at, confirmed_at)"
            " select (lpad(to_hex(n), 12, '0') || '70008000000000000000')::uuid, 1, 1, 'confirmed', 1,"
            " now() - interval '1 day', now() - interval '1 hour', now() from generate_series($1::bigint, $2) as n",
            first,
            first + count - 1,
        )
        await db.execute("vacuum analyze reservations")
        mark = f"{first + count // 2:012x}" + "0" * 20
        text = await db.fetchval(
            f"explain (analyze, buffers, format json) execute retire('{UUID(mark)}', 3600, 60, 1000)"
        )
        [plan] = json.loads(text)
        blocks.append(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])
    assert blocks[0] <= 60, blocks
    assert blocks[1] <= blocks[0] + 5, blocks
