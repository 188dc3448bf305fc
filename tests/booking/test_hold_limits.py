"""Limits on the live holds of a customer, on a customer's seats in a showtime, and on the holds from an address."""

from typing import Any

import pytest
from redis.asyncio import Redis

from tests.api import Answer, Connection, Person, slot
from tests.booking.test_change_seats import add, exchange
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound


def assert_reached(answer: Answer, limit: str) -> None:
    assert (answer.status, answer.code, answer.json.get("limit")) == (409, "limit_reached", limit), answer.text


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


async def test_staff_administrators_and_api_keys_have_no_limits(start_api: StartApi) -> None:
    api = await start_api(MAX_HOLDS_PER_USER="1", MAX_SEATS_PER_USER_PER_SHOWTIME="1", HOLDS_PER_MINUTE_PER_ADDRESS="1")
    cinema, customer = await api.cinema(), await api.sign_up()
    admin, staff = await api.admin(), await api.staff()
    made = await api.make("/admin/api-keys", {"name": "K", "user_id": customer.id, "scopes": ["booking"]})
    seats = iter(cinema.seat_ids)
    path = f"/showtimes/{cinema.showtime_id}/holds"
    for who, more in (
        (admin, {}),
        (staff, {}),
        (staff, {"customer": {"email": customer.email, "name": "A"}}),
        (Person(customer.id, customer.email, made["key"], ""), {}),
    ):
        for _ in range(2):
            body: dict[str, Any] = {"seat_ids": [next(seats), next(seats)]} | more
            assert (await api.call("POST", path, body, who=who)).status == 201


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
