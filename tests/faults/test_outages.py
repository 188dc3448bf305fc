"""Stores that fail under way: nothing that was answered is lost, nothing is sold twice, and the service recovers."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from reservation.dba.audit import audit
from tests.api import Answer, Api, Cinema, Connection, Person
from tests.conftest import StartApi
from tests.faults.proxy import Proxy
from tests.web.visitor import visitor_of

QUICK = {"STATEMENT_TIMEOUT_SECONDS": "2", "POOL_WAIT_SECONDS": "2"}


@pytest.fixture
async def postgresql(database_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(database_url) as proxy:
        yield proxy


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(redis_url) as proxy:
        yield proxy


@pytest.fixture
async def api(start_api: StartApi, postgresql: Proxy, redis: Proxy) -> Api:
    return await start_api(DATABASE_URL=postgresql.url, REDIS_URL=redis.url, **QUICK)


async def assert_sound(db: Connection, redis_url: str) -> None:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        assert [found for found in await audit(db, client) if found.rule != "holds_without_reservation"] == []


async def until_confirmed(api: Api, who: Person, reservation_id: str) -> Answer:
    """What a client does that wants to know: send it again."""
    async with asyncio.timeout(30):
        while (answer := await api.confirm(who, reservation_id)).status == 503:
            await asyncio.sleep(0.05)
    return answer


async def held(api: Api, who: Person, cinema: Cinema, seat_ids: list[int]) -> str:
    answer = await api.hold(who, cinema.showtime_id, seat_ids)
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


async def test_a_confirm_while_redis_is_down_succeeds(api: Api, redis: Proxy, redis_url: str, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    reservation = await held(api, customer, cinema, cinema.seat_ids[:2])

    await redis.cut()

    refused = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[2:4])
    assert (refused.status, refused.code) == (503, "holds_unavailable")
    assert refused.headers["Retry-After"]
    assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")).status == 503
    assert (await api.call("GET", "/ready")).code == "holds_unavailable"
    assert (await api.call("GET", "/health")).status == 200
    assert (await api.confirm(customer, reservation)).json["status"] == "confirmed"

    await redis.open()

    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).code == "seats_unavailable"
    statuses = await api.statuses(cinema.showtime_id)
    assert [statuses[seat] for seat in cinema.seat_ids[:2]] == ["booked", "booked"]
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[2:4])).status == 201
    await assert_sound(db, redis_url)


async def test_the_log_says_once_that_redis_is_lost_and_once_that_it_is_back(api: Api, redis: Proxy) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    with capture_logs() as logged:
        await redis.cut()
        for _ in range(3):
            assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).status == 503
        await redis.open()
        await held(api, customer, cinema, cinema.seat_ids[:2])
    told = [line for line in logged if str(line["event"]).startswith("redis_")]
    assert [line["event"] for line in told] == ["redis_not_connected", "redis_connected"]
    assert {line["server"] for line in told} == {redis.url.rpartition("@")[2].partition("/")[0]}
    assert told[1]["failed_attempts"] > 0


async def test_a_connection_that_opens_again_at_once_adds_no_line_to_the_log(
    start_api: StartApi, redis_url: str, redis: Proxy
) -> None:
    api = await start_api(REDIS_URL=redis.url)
    cinema, customer = await api.cinema(), await api.sign_up()
    with capture_logs() as logged:
        async with Redis.from_url(redis_url) as client:
            await client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await held(api, customer, cinema, cinema.seat_ids[:2])
    assert not [line for line in logged if str(line["event"]).startswith("redis_")]


async def test_a_cancel_while_redis_is_down_is_applied_when_it_is_back(api: Api, redis: Proxy) -> None:
    """When Redis is back, the ETag of the map changes and the seats are available."""
    cinema, customer = await api.cinema(), await api.sign_up()
    path = f"/showtimes/{cinema.showtime_id}/seats"
    reservation = await held(api, customer, cinema, cinema.seat_ids[:2])
    await api.confirm(customer, reservation)
    known = (await api.call("GET", path)).headers["ETag"]

    await redis.cut()
    assert (await api.cancel(customer, reservation)).json["status"] == "cancelled"
    await redis.open()

    async with asyncio.timeout(20):
        while (await api.call("GET", path, headers={"If-None-Match": known})).status != 200:
            await asyncio.sleep(0.1)
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}


async def test_an_empty_redis_is_filled_with_the_live_holds(api: Api, redis: Proxy, redis_url: str) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    await held(api, customer, cinema, cinema.seat_ids[:2])
    before = (await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")).json["version"]

    await redis.cut()
    async with Redis.from_url(redis_url) as client:
        await client.flushall()
    await redis.open()

    refused = await api.hold(await api.sign_up(), cinema.showtime_id, cinema.seat_ids[1:3])
    assert refused.json["seats"] == [{"seat_id": cinema.seat_ids[1], "reason": "held"}]
    assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")).json["version"] > before


async def test_a_repeated_confirm_after_a_lost_answer_gets_the_outcome(
    api: Api, postgresql: Proxy, redis_url: str, db: Connection
) -> None:
    """The connection breaks after PostgreSQL got a statement and before its answer arrives, be it the COMMIT's."""
    cinema, customer = await api.cinema(), await api.sign_up()
    for seat in cinema.seat_ids[:10]:
        reservation = await held(api, customer, cinema, [seat])
        confirm = asyncio.create_task(api.confirm(customer, reservation))
        await asyncio.sleep(random.Random(seat).uniform(0, 0.008))
        postgresql.lose_answers = True
        first = await confirm
        postgresql.lose_answers = False

        assert first.status in (200, 503), first.text
        again = await until_confirmed(api, customer, reservation)

        assert again.json["status"] == "confirmed"
        owner = await db.fetchval("select reservation_id from booked_seats where seat_id = $1", seat)
        assert str(owner) == reservation
    await assert_sound(db, redis_url)


async def test_a_repeated_cancel_changes_the_seat_map_that_the_first_could_not(api: Api, db: Connection) -> None:
    """The first was committed, but its worker lost the connection before it could release the seats in Redis."""
    cinema, customer = await api.cinema(), await api.sign_up()
    path = f"/showtimes/{cinema.showtime_id}/seats"
    reservation = await held(api, customer, cinema, cinema.seat_ids[:2])
    await api.confirm(customer, reservation)
    known = {"If-None-Match": (await api.call("GET", path)).headers["ETag"]}
    await db.execute("delete from booked_seats where reservation_id = $1", reservation)
    await db.execute("update reservations set status = 'cancelled', cancelled_at = now() where id = $1", reservation)
    assert (await api.call("GET", path, headers=known)).status == 304

    assert (await api.cancel(customer, reservation)).json["status"] == "cancelled"

    assert (await api.call("GET", path, headers=known)).status == 200
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}


async def test_connections_killed_under_load_lose_no_answered_confirm(api: Api, redis_url: str, db: Connection) -> None:
    cinema = await api.cinema(rows=6, seats_per_row=10)
    customers = [await api.sign_up() for _ in range(4)]
    answered: dict[str, int] = {}
    holds = kills = 0
    done = asyncio.Event()

    async def killer() -> None:
        """Kill one connection for every eight answers to holds, whatever the speed of the machine."""
        nonlocal kills
        while not done.is_set():
            if holds >= 8 * (kills + 1):
                kills += 1
                await db.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = 'reservation' and datname = current_database() order by random() limit 1"
                )
            await asyncio.sleep(0.002)

    async def buy(number: int) -> None:
        who, seat = customers[number % 4], cinema.seat_ids[number % len(cinema.seat_ids)]
        nonlocal holds
        answer = await api.hold(who, cinema.showtime_id, [seat])
        holds += 1
        if answer.status != 201:
            assert answer.status in (409, 503), answer.text
            return
        if (await until_confirmed(api, who, answer.json["id"])).status == 200:
            answered[answer.json["id"]] = seat

    killing = asyncio.create_task(killer())
    for start in range(0, 240, 24):
        await asyncio.gather(*(buy(number) for number in range(start, start + 24)))
    done.set()
    await killing

    assert kills > 10
    assert len(answered) > 10
    rows = await db.fetch("select reservation_id, seat_id from booked_seats")
    owners = {row["seat_id"]: str(row["reservation_id"]) for row in rows}
    for reservation, seat in answered.items():
        assert owners[seat] == reservation
    await assert_sound(db, redis_url)


async def test_a_database_out_of_reach_is_503_and_comes_back(api: Api, postgresql: Proxy) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()

    await postgresql.cut()

    for method, path in (("GET", "/movies"), ("GET", "/ready"), ("GET", "/reservations")):
        answer = await api.call(method, path, who=customer)
        assert (answer.status, answer.code) == (503, "database_unavailable"), answer.text
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 503

    await postgresql.open()

    async with asyncio.timeout(20):
        while (await api.call("GET", "/ready")).status != 200:
            await asyncio.sleep(0.1)
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 201


async def test_a_page_without_its_database_says_when_to_try_again(api: Api, postgresql: Proxy) -> None:
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.sign_up())

    await postgresql.cut()

    page = await visitor.open("/my/reservations")
    assert page.status == 503
    assert int(page.headers["Retry-After"]) >= 1
    assert 'http-equiv="refresh"' in page.html
    assert "This page tries again by itself." in page.text
