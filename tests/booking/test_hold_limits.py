"""Limits on the live holds of a customer, on a customer's seats in a showtime, and on the holds from an address."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.booking.address_limit import AddressLimit
from reservation.booking.key_limit import KeyLimit
from reservation.db.statements import sql_dir
from reservation.holds.redis_server import RedisServer
from reservation.http.app_keys import BOOKING_CONTEXT
from tests.api import Answer, Api, Connection, Person, slot
from tests.booking.test_change_seats import add, exchange
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound

WAIT_S = 20.0


def assert_reached(answer: Answer, limit: str) -> None:
    assert (answer.status, answer.code, answer.json.get("limit")) == (409, "limit_reached", limit), answer.text
    assert limit in answer.json["detail"]


async def test_a_customer_has_at_most_so_many_live_holds(start_api: StartApi, db: Connection, redis_url: str) -> None:
    """A hold that was confirmed, cancelled or has expired makes room."""
    api = await start_api(MAX_HOLDS_PER_USER="2")
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    seats = iter(cinema.seat_ids)

    async def hold(who: Person = customer, showtime_id: int = cinema.showtime_id) -> Answer:
        return await api.hold(who, showtime_id, [next(seats)])

    first, second = await hold(), await hold(showtime_id=later)
    assert (first.status, second.status) == (201, 201)
    refused = await hold()
    assert_reached(refused, "MAX_HOLDS_PER_USER")
    best = await api.call("POST", f"/showtimes/{later}/holds", {"quantity": 2}, who=customer)
    assert_reached(best, "MAX_HOLDS_PER_USER")
    assert [*(await api.statuses(cinema.showtime_id)).values()].count("held") == 1
    assert (await hold(other)).status == 201

    assert (await api.confirm(customer, first.json["id"])).status == 200
    third = await hold()
    assert third.status == 201
    assert_reached(await hold(), "MAX_HOLDS_PER_USER")
    assert (await api.cancel(customer, third.json["id"])).status == 200
    assert (await hold()).status == 201
    await db.execute(
        "update reservations set expires_at = created_at + interval '1 us' where id = $1", second.json["id"]
    )
    assert (await hold()).status == 201
    assert_reached(await hold(), "MAX_HOLDS_PER_USER")
    await db.execute("update reservations set expires_at = now() + interval '1 min' where id = $1", second.json["id"])
    await assert_sound(db, redis_url)


async def test_a_customer_has_at_most_so_many_seats_of_a_showtime_held_and_booked(start_api: StartApi) -> None:
    api = await start_api(MAX_SEATS_PER_USER_PER_SHOWTIME="3")
    cinema, customer = await api.cinema(), await api.sign_up()
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    seats = cinema.seat_ids
    booked = await api.hold(customer, cinema.showtime_id, seats[:2])
    assert (await api.confirm(customer, booked.json["id"])).status == 200

    assert_reached(await api.hold(customer, cinema.showtime_id, seats[2:4]), "MAX_SEATS_PER_USER_PER_SHOWTIME")
    held = await api.hold(customer, cinema.showtime_id, seats[2:3])
    assert held.status == 201
    assert_reached(await api.hold(customer, cinema.showtime_id, seats[3:4]), "MAX_SEATS_PER_USER_PER_SHOWTIME")
    elsewhere = await api.hold(customer, later, seats[:3])
    assert elsewhere.status == 201

    for refused in (
        await add(api, customer, held.json["id"], seats[4:5]),
        await exchange(api, customer, held.json["id"], seats[4:6]),
        await exchange(api, customer, elsewhere.json["id"], seats[4:5], cinema.showtime_id),
        await exchange(api, customer, booked.json["id"], seats[4:7]),
    ):
        assert_reached(refused, "MAX_SEATS_PER_USER_PER_SHOWTIME")
    assert [*(await api.statuses(cinema.showtime_id)).values()][:6] == ["booked"] * 2 + ["held"] + ["available"] * 3
    assert (await exchange(api, customer, booked.json["id"], seats[4:6])).status == 200
    assert (await api.cancel(customer, booked.json["id"])).status == 200
    assert (await add(api, customer, held.json["id"], seats[4:6])).status == 200


async def test_a_late_confirm_counts_the_seats_of_the_customer(start_api: StartApi, db: Connection) -> None:
    api = await start_api(MAX_SEATS_PER_USER_PER_SHOWTIME="2")
    cinema, customer = await api.cinema(), await api.sign_up()
    late = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    await db.execute("update reservations set expires_at = created_at + interval '1 us'")
    second = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:3])
    assert second.status == 201
    assert_reached(await api.confirm(customer, late.json["id"]), "MAX_SEATS_PER_USER_PER_SHOWTIME")
    assert (await api.cancel(customer, second.json["id"])).status == 200
    assert (await api.confirm(customer, late.json["id"])).json["late"] is True


async def test_a_changed_function_of_sql_find_limited_counts_from_the_next_hold_on(
    start_api: StartApi, db: Connection
) -> None:
    """As a DBA changes it: seats are limited as before, live holds no longer."""
    api = await start_api(MAX_HOLDS_PER_USER="1", MAX_SEATS_PER_USER_PER_SHOWTIME="2")
    cinema, customer = await api.cinema(), await api.sign_up()
    shipped = (sql_dir() / "find_limited.sql").read_text()
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    assert_reached(await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2]), "MAX_HOLDS_PER_USER")
    changed = shipped.replace("asked.most_holds <= recent.holds as has_holds", "false as has_holds")
    assert changed != shipped
    await db.execute(changed)
    try:
        assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2])).status == 201
        third = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[2:3])
        assert_reached(third, "MAX_SEATS_PER_USER_PER_SHOWTIME")
    finally:
        await db.execute(shipped)


async def test_staff_and_administrators_have_no_limits_and_nor_have_their_api_keys(start_api: StartApi) -> None:
    api = await start_api(MAX_HOLDS_PER_USER="1", MAX_SEATS_PER_USER_PER_SHOWTIME="1", HOLDS_PER_MINUTE_PER_ADDRESS="1")
    cinema, customer = await api.cinema(), await api.sign_up()
    admin, staff = await api.admin(), await api.staff()
    seats = iter(cinema.seat_ids)
    path = f"/showtimes/{cinema.showtime_id}/holds"
    for who, more in (
        (admin, {}),
        (staff, {}),
        (staff, {"customer": {"email": customer.email, "name": "A"}}),
        (await api_key(api, staff), {}),
    ):
        for _ in range(2):
            body: dict[str, Any] = {"seat_ids": [next(seats), next(seats)]} | more
            assert (await api.call("POST", path, body, who=who)).status == 201


async def api_key(api: Api, owner: Person, **limits: int | None) -> Person:
    """Who calls with a new API key of an account."""
    body = {"name": "K", "user_id": owner.id, "scopes": ["booking"]} | ({"limits": limits} if limits else {})
    made = await api.make("/admin/api-keys", body)
    return Person(owner.id, owner.email, made["key"], "")


async def test_an_api_key_without_limits_has_those_of_its_account(start_api: StartApi) -> None:
    api = await start_api(MAX_HOLDS_PER_USER="1")
    cinema, customer = await api.cinema(), await api.sign_up()
    key = await api_key(api, customer)
    assert (await api.hold(key, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    assert_reached(await api.hold(key, cinema.showtime_id, cinema.seat_ids[1:2]), "MAX_HOLDS_PER_USER")


@pytest.mark.parametrize("installed", ["1", "0"])
async def test_an_api_key_has_limits_of_its_own(start_api: StartApi, installed: str) -> None:
    """More or fewer than the installation's; a group is sold in one showtime by several holds."""
    api = await start_api(MAX_HOLDS_PER_USER=installed, MAX_SEATS_PER_USER_PER_SHOWTIME=installed)
    cinema, group, clerk = await api.cinema(rows=3, seats_per_row=10), await api.sign_up(), await api.staff()
    key = await api_key(api, group, max_holds_per_user=3, max_seats_per_user_per_showtime=12)
    seats = cinema.seat_ids
    held = [await api.hold(key, cinema.showtime_id, seats[start : start + 5]) for start in (0, 5)]
    assert [answer.status for answer in held] == [201, 201]
    assert_reached(await api.hold(key, cinema.showtime_id, seats[10:13]), "MAX_SEATS_PER_USER_PER_SHOWTIME")
    assert_reached(await add(api, key, held[0].json["id"], seats[10:13]), "MAX_SEATS_PER_USER_PER_SHOWTIME")
    assert (await api.hold(key, cinema.showtime_id, seats[10:11])).status == 201
    assert_reached(await api.hold(key, cinema.showtime_id, seats[11:12]), "MAX_HOLDS_PER_USER")

    kiosk = await api_key(api, clerk, max_holds_per_user=1)
    body = {"seat_ids": seats[20:21], "customer": {"email": "a.guest@example.com", "name": "A"}}
    path = f"/showtimes/{cinema.showtime_id}/holds"
    assert (await api.call("POST", path, body, who=kiosk)).status == 201
    assert_reached(await api.call("POST", path, body | {"seat_ids": seats[21:22]}, who=kiosk), "MAX_HOLDS_PER_USER")


async def test_zero_in_the_limits_of_an_api_key_is_no_limit(start_api: StartApi) -> None:
    api = await start_api(MAX_HOLDS_PER_USER="1", MAX_SEATS_PER_USER_PER_SHOWTIME="1", HOLDS_PER_MINUTE_PER_ADDRESS="1")
    cinema, customer = await api.cinema(), await api.sign_up()
    key = await api_key(api, customer, max_holds_per_user=0, max_seats_per_user_per_showtime=0, holds_per_minute=0)
    for seat_id in cinema.seat_ids[:3]:
        assert (await api.hold(key, cinema.showtime_id, [seat_id])).status == 201


async def test_holds_of_an_api_key_are_limited_by_the_minute(start_api: StartApi, redis_url: str) -> None:
    """From all its addresses together; a hold of its account from the same address counts apart."""
    api = await start_api(HOLDS_PER_MINUTE_PER_ADDRESS="0", MAX_HOLDS_PER_USER="0")
    cinema, customer = await api.cinema(), await api.sign_up()
    async with Redis.from_url(redis_url) as redis:
        while True:  # until all of them were in one minute
            key = await api_key(api, customer, holds_per_minute=2)
            first_s, _ = await redis.time()
            answers = [await api.hold(key, cinema.showtime_id, [seat]) for seat in cinema.seat_ids[:3]]
            last_s, _ = await redis.time()
            if first_s // 60 == last_s // 60:
                break
            for answer in answers:
                if answer.status == 201:
                    await api.cancel(customer, answer.json["id"])
    assert [answer.status for answer in answers] == [201, 201, 429]
    assert answers[-1].headers["RateLimit-Policy"] == '"holds-by-api-key";q=2;w=60'
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[2:3])).status == 201


async def test_holds_from_an_address_are_limited_by_the_minute(start_api: StartApi, redis_url: str) -> None:
    api = await start_api(HOLDS_PER_MINUTE_PER_ADDRESS="3", TRUSTED_PROXIES="127.0.0.1")
    cinema, customers = await api.cinema(), [await api.sign_up() for _ in range(2)]
    path = f"/showtimes/{cinema.showtime_id}/holds"

    async def hold(place: int, address: str) -> Answer:
        headers = {"X-Forwarded-For": address}
        body = {"seat_ids": [cinema.seat_ids[place]]}
        return await api.call("POST", path, body, who=customers[place % 2], headers=headers)

    async with Redis.from_url(redis_url) as redis:
        while True:  # until all of them were in one minute
            first_s, _ = await redis.time()
            answers = [await hold(place, "192.0.2.1") for place in range(4)]
            last_s, _ = await redis.time()
            if first_s // 60 == last_s // 60:
                break
            for answer in answers:
                if answer.status == 201:
                    await api.cancel(customers[0], answer.json["id"])
                    await api.cancel(customers[1], answer.json["id"])
        [key] = [each async for each in redis.scan_iter("reservation:holds:*192.0.2.1")]
        assert 0 < await redis.ttl(key) <= 120
    assert [answer.status for answer in answers] == [201, 201, 201, 429]
    assert answers[-1].code == "too_many_attempts"
    assert "at most 3 in a minute (HOLDS_PER_MINUTE_PER_ADDRESS)" in answers[-1].json["detail"]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert (await api.statuses(cinema.showtime_id))[cinema.seat_ids[3]] == "available"
    assert (await hold(4, "192.0.2.2")).status == 201


@pytest.mark.parametrize("limit", ["MAX_HOLDS_PER_USER", "MAX_SEATS_PER_USER_PER_SHOWTIME"])
async def test_a_repeated_hold_gets_its_first_answer_at_the_limit(start_api: StartApi, limit: str) -> None:
    api = await start_api(**{limit: "1"})
    cinema, customer = await api.cinema(), await api.sign_up()
    body, path = {"seat_ids": cinema.seat_ids[:1]}, f"/showtimes/{cinema.showtime_id}/holds"
    first, again = [
        await api.call("POST", path, body, who=customer, headers={"Idempotency-Key": "a"}) for _ in range(2)
    ]
    assert (again.status, again.json, again.headers["Idempotent-Replayed"]) == (201, first.json, "true")
    refused = await api.call(
        "POST", path, {"seat_ids": cinema.seat_ids[1:2]}, who=customer, headers={"Idempotency-Key": "b"}
    )
    assert_reached(refused, limit)
    assert (await api.cancel(customer, first.json["id"])).status == 200
    held = await api.call(
        "POST", path, {"seat_ids": cinema.seat_ids[1:2]}, who=customer, headers={"Idempotency-Key": "b"}
    )
    assert held.status == 201


async def test_limits_hold_after_redis_has_lost_everything(start_api: StartApi, redis_url: str) -> None:
    api = await start_api(MAX_HOLDS_PER_USER="1")
    cinema, customer = await api.cinema(), await api.sign_up()
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()
    assert_reached(await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2]), "MAX_HOLDS_PER_USER")


async def test_counters_expire_whose_first_reply_is_lost(
    api: Api, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, call = api.client.app[BOOKING_CONTEXT], RedisServer.call

    def lose_reply(server: RedisServer, command: bytes, **options: Any) -> Any:
        reply = call(server, command, **options)
        reply.cancel()  # as when the client disconnects
        return reply

    await context.holds.count("reservation:other", 1)  # it is connected, and has Redis load the script
    with monkeypatch.context() as patch:
        patch.setattr(RedisServer, "call", lose_reply)
        AddressLimit(context.holds, 5, 0, 60).count("192.0.2.7")
        KeyLimit(context.holds, 5).count(4711)
    async with Redis.from_url(redis_url) as redis, asyncio.timeout(WAIT_S):
        for pattern, longest_s in (("reservation:holds:*:192.0.2.7", 120), ("reservation:idempotency:*:4711", 172_800)):
            while not (keys := [each async for each in redis.scan_iter(pattern)]):
                await asyncio.sleep(0.01)
            assert 0 < await redis.ttl(keys[0]) <= longest_s
