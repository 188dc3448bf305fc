"""A confirm after the hold expired: it succeeds if every seat can still be had, and says so."""

import asyncio
from dataclasses import replace as replace_dataclass
from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.booking.jobs.expire import expire_past_holds
from reservation.http.app_keys import DATABASE
from tests.api import Api, Cinema, Connection, Person, slot
from tests.booking.test_change_seats import exchange
from tests.catalog.test_changed_showtimes import change_of, replace
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound


async def expired(api: Api, db: Connection, who: Person, cinema: Cinema, seats: slice = slice(2)) -> Any:
    """A hold whose time is over in PostgreSQL, and which Redis has forgotten."""
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[seats])
    assert held.status == 201, held.text
    await db.execute("update reservations set expires_at = created_at + interval '1 us' where id = $1", held.json["id"])
    return held.json


@pytest.fixture
async def redis(redis_url: str) -> Any:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.mark.parametrize("is_marked", [False, True], ids=["held", "marked as expired"])
async def test_an_expired_hold_whose_seats_are_free_is_confirmed_late(
    api: Api, db: Connection, redis: Redis, redis_url: str, is_marked: bool
) -> None:
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    held = await expired(api, db, customer, cinema)
    await redis.flushall()
    if is_marked:
        assert await expire_past_holds(redis, api.client.app[DATABASE], age_s=0, margin_s=0) == 1

    confirmed = await api.confirm(customer, held["id"])
    again = await api.confirm(customer, held["id"])

    assert (confirmed.status, confirmed.json["status"], confirmed.json["late"]) == (200, "confirmed", True)
    same = {"status", "late", "expires_at", "confirmed_at"}
    assert {name: value for name, value in confirmed.json.items() if name not in same} == {
        name: value for name, value in held.items() if name not in same
    }
    assert (again.status, again.json) == (200, confirmed.json)
    assert [*(await api.statuses(cinema.showtime_id)).values()][:3] == ["booked", "booked", "available"]
    assert (await api.hold(other, cinema.showtime_id, cinema.seat_ids[:1])).code == "seats_unavailable"
    await assert_sound(db, redis_url)


async def test_a_confirm_in_time_is_not_late(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    assert (await api.confirm(customer, held.json["id"])).json["late"] is False


@pytest.mark.parametrize("taken", ["held", "held, and lost in Redis", "booked"])
async def test_a_late_confirm_is_410_if_another_customer_has_one_of_the_seats(
    api: Api, db: Connection, redis: Redis, redis_url: str, taken: str
) -> None:
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    late = await expired(api, db, customer, cinema)
    await redis.flushall()
    theirs = await api.hold(other, cinema.showtime_id, cinema.seat_ids[1:3])
    assert theirs.status == 201, theirs.text
    if taken == "booked":
        assert (await api.confirm(other, theirs.json["id"])).status == 200
    elif taken != "held":
        await redis.flushall()
        await redis.hset(f"{{{cinema.showtime_id}}}:map", mapping={"version": 1, "layout": 1})

    refused = await api.confirm(customer, late["id"])

    assert (refused.status, refused.code) == (410, "hold_expired")
    assert (await api.call("GET", f"/reservations/{late['id']}", who=customer)).json["status"] == "expired"
    assert (await api.statuses(cinema.showtime_id))[cinema.seat_ids[0]] == "available"
    assert (await api.confirm(other, theirs.json["id"])).status == 200
    await assert_sound(db, redis_url)


async def test_a_late_confirm_after_the_end_of_sales_is_410(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    late = await expired(api, db, customer, cinema)
    await db.execute("update showtimes set sales_end_at = now() where id = $1", cinema.showtime_id)
    refused = await api.confirm(customer, late["id"])
    assert (refused.status, refused.code) == (410, "hold_expired")
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}


async def test_a_late_confirm_is_410_if_the_showtime_has_another_auditorium_or_its_seats_are_gone(
    api: Api, db: Connection
) -> None:
    moved, plan, customer, admin = await api.cinema(), await api.cinema(), await api.sign_up(), await api.admin()
    late = [await expired(api, db, customer, cinema) for cinema in (moved, plan)]
    room, _ = await api.auditorium()
    path = f"/admin/showtimes/{moved.showtime_id}"
    shown = (await api.call("GET", path, who=admin)).json
    body = {name: shown[name] for name in ("movie_id", "starts_at", "ends_at", "base_price")}
    assert (await api.call("PUT", path, body | {"auditorium_id": room}, who=admin)).status == 200
    assert (await api.call("DELETE", f"/admin/seats/{plan.seat_ids[0]}", who=admin)).status == 204
    for each in late:
        refused = await api.confirm(customer, each["id"])
        assert (refused.status, refused.code) == (410, "hold_expired")
    assert await db.fetchval("select count(*) from booked_seats") == 0


@pytest.mark.parametrize("is_forced", [False, True])
@pytest.mark.parametrize("what", ["movie_id", "starts_at"])
async def test_a_late_confirm_is_410_if_the_showtime_has_another_film_or_time(
    api: Api, db: Connection, redis_url: str, what: str, is_forced: bool
) -> None:
    """The customer agreed to another one; a hold that is made after the change is confirmed late as ever."""
    cinema, customer, second = await api.cinema(), await api.sign_up(), await api.sign_up()
    if is_forced:
        late = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).json
    else:
        late = await expired(api, db, customer, cinema)
    changed = await replace(api, cinema, is_forced, **await change_of(api, what))
    assert changed.status == 200, changed.text
    await db.execute("update reservations set expires_at = created_at + interval '1 us' where id = $1", late["id"])

    refused = await api.confirm(customer, late["id"])

    assert (refused.status, refused.code) == (410, "hold_expired")
    assert "showtime has changed" in refused.json["detail"]
    assert await db.fetchval("select count(*) from booked_seats") == 0
    after = await expired(api, db, second, cinema)
    assert (await api.confirm(second, after["id"])).json["late"] is True
    await assert_sound(db, redis_url)


async def test_an_expired_hold_that_was_exchanged_after_the_change_is_confirmed_late(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json
    changed = await replace(api, replace_dataclass(cinema, showtime_id=later), movie_id=await api.movie())
    assert changed.status == 200, changed.text
    assert (await exchange(api, customer, held["id"], cinema.seat_ids[:1], later)).status == 200
    await db.execute("update reservations set expires_at = created_at + interval '1 us'")
    assert (await api.confirm(customer, held["id"])).json["late"] is True


async def test_a_late_confirm_is_410_if_a_seat_has_another_row_by_now(api: Api, db: Connection) -> None:
    cinema, customer, admin = await api.cinema(), await api.sign_up(), await api.admin()
    late = await expired(api, db, customer, cinema)
    other_row = {"row_label": "X", "seat_number": 1, "seat_type": "regular"}
    assert (await api.call("PUT", f"/admin/seats/{cinema.seat_ids[0]}", other_row, who=admin)).status == 200
    refused = await api.confirm(customer, late["id"])
    assert (refused.status, refused.code) == (410, "hold_expired")
    assert await db.fetchval("select count(*) from booked_seats") == 0


async def test_a_cancelled_reservation_is_not_confirmed_late(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    assert (await api.cancel(customer, held.json["id"])).status == 200
    await db.execute("update reservations set expires_at = created_at + interval '1 us'")
    assert (await api.confirm(customer, held.json["id"])).code == "reservation_cancelled"


async def test_repeated_late_confirms_get_the_first_answers(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    body, path = {"seat_ids": cinema.seat_ids[:2]}, f"/showtimes/{cinema.showtime_id}/holds"

    async def hold() -> Any:
        return await api.call("POST", path, body, who=customer, headers={"Idempotency-Key": "hold"})

    async def confirm() -> Any:
        url = f"/reservations/{held.json['id']}/confirm"
        return await api.call("POST", url, who=customer, headers={"Idempotency-Key": "confirm"})

    held = await hold()
    ended = "update reservations set expires_at = created_at + interval '1 us', first_expires_at = expires_at"
    await db.execute(ended)
    answers = await asyncio.gather(*(confirm() for _ in range(4)))
    assert [answer.status for answer in answers] == [200] * 4
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json["late"]
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 3
    again = await hold()
    assert (again.json, again.headers["Idempotent-Replayed"]) == (held.json, "true")


async def test_staff_confirm_late_under_a_key_of_their_own(api: Api, db: Connection) -> None:
    cinema, customer, staff = await api.cinema(), await api.sign_up(), await api.staff()
    late = await expired(api, db, customer, cinema)
    path = f"/reservations/{late['id']}/confirm"
    answers = [await api.call("POST", path, who=staff, headers={"Idempotency-Key": "a"}) for _ in range(2)]
    assert [answer.json["late"] for answer in answers] == [True, True]
    assert answers[0].text == answers[1].text


async def test_a_late_confirm_needs_no_redis(start_api: StartApi, db: Connection, redis: Redis) -> None:
    api = await start_api()
    cinema, customer = await api.cinema(), await api.sign_up()
    late = await expired(api, db, customer, cinema)
    await redis.execute_command("DEL", f"{{{cinema.showtime_id}}}:map")
    await redis.set(f"{{{cinema.showtime_id}}}:map", "of another type")  # all scripts of this showtime are refused

    confirmed = await api.confirm(customer, late["id"])

    assert (confirmed.status, confirmed.json["late"]) == (200, True)
    assert await db.fetchval("select count(*) from booked_seats") == 2
