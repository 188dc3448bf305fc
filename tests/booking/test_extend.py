"""A hold can be extended while it lives, up to the longest life of one; both stores agree on its end."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from reservation.booking.redis_lease import REDIS_MARGIN_MS
from reservation.db.repository import reservations
from reservation.http.app_keys import BOOKING_CONTEXT, DATABASE
from tests.api import Api, Cinema, Connection, Person
from tests.conftest import PATIENT, StartApi
from tests.races.test_booking_races import assert_sound


async def held(api: Api, seats: int = 2) -> tuple[Cinema, Person, Any]:
    cinema, customer = await api.cinema(), await api.sign_up()
    answer = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:seats])
    assert answer.status == 201, answer.text
    return cinema, customer, answer.json


async def age(db: Connection, redis_url: str, hold: Any, seconds: int) -> None:
    """Let time pass for one hold, in both stores."""
    await db.execute(
        "update reservations set created_at = created_at - $2 * interval '1 second',"
        " expires_at = expires_at - $2 * interval '1 second' where id = $1",
        hold["id"],
        seconds,
    )
    async with Redis.from_url(redis_url) as redis:
        for seat in hold["seats"]:
            key = f"{{{hold['showtime_id']}}}:seat:{seat['seat_id']}"
            await redis.pexpire(key, await redis.pttl(key) - seconds * 1000)


async def left_ms(redis_url: str, hold: Any) -> list[int]:
    """How long Redis still holds each seat."""
    async with Redis.from_url(redis_url) as redis:
        return [await redis.pttl(f"{{{hold['showtime_id']}}}:seat:{seat['seat_id']}") for seat in hold["seats"]]


def end(reservation: Any) -> datetime:
    return datetime.fromisoformat(reservation["expires_at"])


async def test_an_extend_of_a_hold_whose_seats_were_sold_is_409(api: Api, db: Connection, redis_url: str) -> None:
    """Redis had lost the hold, and another user confirmed the seats."""
    cinema, customer, hold = await held(api)
    rival = await api.sign_up()
    async with Redis.from_url(redis_url) as redis:
        await redis.delete(*[f"{{{cinema.showtime_id}}}:seat:{seat}" for seat in cinema.seat_ids[:2]])
    theirs = await api.hold(rival, cinema.showtime_id, cinema.seat_ids[:1])
    assert (await api.confirm(rival, theirs.json["id"])).status == 200

    answer = await api.extend(customer, hold["id"])

    assert (answer.status, answer.code) == (409, "seats_unavailable")
    assert [seat["seat_id"] for seat in answer.json["seats"]] == cinema.seat_ids[:1]
    assert (await api.statuses(cinema.showtime_id))[cinema.seat_ids[1]] == "available"
    await assert_sound(db, redis_url)


async def test_a_wait_for_a_connection_does_not_lengthen_an_extended_hold(
    start_api: StartApi, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold in PostgreSQL never ends after the hold in Redis."""
    api = await start_api(POOL_SIZE="1")
    _, customer, hold = await held(api)
    await age(db, redis_url, hold, 400)
    stores = api.client.app[BOOKING_CONTEXT]
    extend_in_redis, told = stores.holds.extend, asyncio.Event()

    async def extend_while_the_connection_is_busy(**arguments: Any) -> frozenset[int]:
        busy = asyncio.create_task(keep_the_connection())
        await told.wait()
        held = await extend_in_redis(**arguments)
        busy.add_done_callback(lambda done: done.result())
        return held

    async def keep_the_connection() -> None:
        async with stores.database.connection():
            told.set()
            await asyncio.sleep(2)

    monkeypatch.setattr(stores.holds, "extend", extend_while_the_connection_is_busy)
    answer = await api.extend(customer, hold["id"])
    left_in_postgresql_ms = (end(answer.json) - await db.fetchval("select now()")) / timedelta(milliseconds=1)
    assert all(left > left_in_postgresql_ms - 500 for left in await left_ms(redis_url, hold))


async def test_an_extended_hold_has_its_whole_time_from_now(api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer, hold = await held(api)
    await age(db, redis_url, hold, 400)
    before = (await api.call("GET", f"/reservations/{hold['id']}", who=customer)).json

    answer = await api.extend(customer, hold["id"])

    assert answer.status == 200
    now = await db.fetchval("select now()")
    assert timedelta(seconds=590) < end(answer.json) - now <= timedelta(seconds=600)
    assert answer.json == before | {"expires_at": answer.json["expires_at"]}
    assert answer.json == (await api.call("GET", f"/reservations/{hold['id']}", who=customer)).json
    left_in_postgresql_ms = (end(answer.json) - now) / timedelta(milliseconds=1)
    assert all(abs(left - left_in_postgresql_ms) < 5_000 for left in await left_ms(redis_url, hold))
    async with Redis.from_url(redis_url) as redis:
        for seat_id in cinema.seat_ids[:2]:
            score = await redis.zscore(f"{{{cinema.showtime_id}}}:held", str(seat_id))
            assert score is not None
            assert abs(score / 1000 - end(answer.json).timestamp()) < 5
    assert (await api.confirm(customer, hold["id"])).status == 200
    await assert_sound(db, redis_url)


async def test_a_hold_is_not_extended_past_its_longest_life(api: Api, db: Connection, redis_url: str) -> None:
    """Half an hour from its beginning; after that the answer stays the same."""
    _, customer, hold = await held(api)
    answers = []
    for _ in range(3):
        await age(db, redis_url, hold, 500)
        answers.append(await api.extend(customer, hold["id"]))
    lives = [end(answer.json) - datetime.fromisoformat(answer.json["created_at"]) for answer in answers]
    assert lives[0] < lives[1] < timedelta(seconds=1800)
    assert lives[2] == timedelta(seconds=1800)
    again = await api.extend(customer, hold["id"])
    assert (again.status, again.json) == (200, answers[2].json)
    assert all(left <= 300_000 + REDIS_MARGIN_MS for left in await left_ms(redis_url, hold))


async def test_a_longest_life_shorter_than_the_hold_does_not_shorten_it(start_api: StartApi) -> None:
    api = await start_api(HOLD_MAX_SECONDS="60")
    _, customer, hold = await held(api)
    answer = await api.extend(customer, hold["id"])
    assert (answer.status, answer.json) == (200, hold)


async def test_an_extension_that_is_done_is_not_refused_for_want_of_a_connection(
    start_api: StartApi, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`overloaded` says that nothing was done; here another request takes the connection as soon as it is free."""
    api = await start_api(POOL_SIZE="1", POOL_WAIT_SECONDS="1")
    _, customer, hold = await held(api)
    await age(db, redis_url, hold, 400)
    database, extend, finished = api.client.app[BOOKING_CONTEXT].database, reservations.extend, asyncio.Event()
    others: list[asyncio.Task[None]] = []

    async def keep_the_connection() -> None:
        async with database.connection():
            await finished.wait()

    async def extend_while_another_waits(conn: Any, **arguments: Any) -> datetime | None:
        others.append(asyncio.create_task(keep_the_connection()))
        await asyncio.sleep(0)
        return await extend(conn, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(reservations, "extend", extend_while_another_waits)
        answer = await api.extend(customer, hold["id"])
    finished.set()
    await asyncio.gather(*others)
    # With a slow machine Redis is asked again, for which a connection is needed.
    assert answer.status == 200 or answer.code == "database_unavailable", answer.text
    assert await db.fetchval("select expires_at from reservations where id = $1", hold["id"]) > end(hold) - timedelta(
        seconds=300
    )


async def test_an_extension_that_changes_nothing_takes_seats_again_that_redis_has_lost(
    start_api: StartApi, redis_url: str
) -> None:
    api = await start_api(HOLD_MAX_SECONDS="60")
    cinema, customer, hold = await held(api)
    await forget(redis_url, cinema)
    assert (await api.extend(customer, hold["id"])).json == hold
    refused = await api.hold(await api.sign_up(), cinema.showtime_id, cinema.seat_ids[:2])
    assert (refused.status, refused.code) == (409, "seats_unavailable")


async def test_an_extension_that_changes_nothing_is_409_if_another_has_the_seats(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    """Redis had lost the hold, and another customer's was answered."""
    api = await start_api(HOLD_MAX_SECONDS="60")
    cinema, customer, hold = await held(api)
    await forget(redis_url, cinema)
    theirs = await api.hold(await api.sign_up(), cinema.showtime_id, cinema.seat_ids[:1])
    assert theirs.status == 201
    answer = await api.extend(customer, hold["id"])
    assert (answer.status, answer.code) == (409, "seats_unavailable")
    await assert_sound(db, redis_url)


async def forget(redis_url: str, cinema: Cinema) -> None:
    """Have Redis lose the first two seats, and not know it."""
    async with Redis.from_url(redis_url) as redis:
        await redis.delete(*[f"{{{cinema.showtime_id}}}:seat:{seat}" for seat in cinema.seat_ids[:2]])


async def test_an_extend_of_anything_but_an_own_live_hold_is_refused(api: Api, db: Connection) -> None:
    cinema, customer, hold = await held(api)
    stranger = await api.sign_up()
    assert (await api.extend(stranger, hold["id"])).code == "not_found"
    assert (await api.extend(customer, "0198c0de-0000-7000-8000-000000000000")).code == "not_found"
    assert (await api.extend(customer, "nonsense")).code == "not_found"
    other = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[4:5])).json
    assert (await api.confirm(customer, other["id"])).status == 200
    answer = await api.extend(customer, other["id"])
    assert (answer.status, answer.code) == (409, "reservation_confirmed")
    assert (await api.cancel(customer, other["id"])).status == 200
    answer = await api.extend(customer, other["id"])
    assert (answer.status, answer.code) == (409, "reservation_cancelled")
    await db.execute("update reservations set expires_at = created_at + interval '1 us' where id = $1", hold["id"])
    answer = await api.extend(customer, hold["id"])
    assert (answer.status, answer.code) == (410, "hold_expired")


async def test_an_extend_holds_seats_again_that_redis_has_lost(api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer, hold = await held(api)
    await age(db, redis_url, hold, 400)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()

    assert (await api.extend(customer, hold["id"])).status == 200

    assert min(await left_ms(redis_url, hold)) > 500_000
    rival = await api.sign_up()
    assert (await api.hold(rival, cinema.showtime_id, cinema.seat_ids[:1])).code == "seats_unavailable"
    await assert_sound(db, redis_url)


async def test_an_extend_of_seats_that_another_user_holds_names_them(api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer, hold = await held(api)
    await age(db, redis_url, hold, 400)
    async with Redis.from_url(redis_url) as redis:
        await redis.delete(f"{{{cinema.showtime_id}}}:seat:{cinema.seat_ids[1]}")
    rival = await api.sign_up()
    assert (await api.hold(rival, cinema.showtime_id, cinema.seat_ids[1:2])).status == 201
    before = await left_ms(redis_url, hold)

    answer = await api.extend(customer, hold["id"])

    assert (answer.status, answer.code) == (409, "seats_unavailable")
    assert answer.json["seats"] == [{"seat_id": cinema.seat_ids[1], "reason": "held"}]
    assert (await left_ms(redis_url, hold))[0] <= before[0]


async def test_an_extend_does_not_change_the_seat_map(api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer, hold = await held(api)
    await age(db, redis_url, hold, 400)
    before = await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")
    assert (await api.extend(customer, hold["id"])).status == 200
    after = await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")
    assert after.json == before.json


async def test_a_hold_confirmed_during_its_extend_is_released_in_redis(
    api: Api, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Confirmed after the extension in Redis and before the one in PostgreSQL: Redis must release its seats."""
    cinema, customer, hold = await held(api)
    await age(db, redis_url, hold, 400)
    holds = api.client.app[BOOKING_CONTEXT].holds
    extend = holds.extend

    async def confirmed_first(**asked: Any) -> frozenset[int]:
        assert (await api.confirm(customer, hold["id"])).status == 200
        return await extend(**asked)

    monkeypatch.setattr(holds, "extend", confirmed_first)
    answer = await api.extend(customer, hold["id"])

    assert (answer.status, answer.code) == (409, "reservation_confirmed")
    assert await left_ms(redis_url, hold) == [-2, -2]
    assert set(list((await api.statuses(cinema.showtime_id)).values())[:2]) == {"booked"}
    await assert_sound(db, redis_url)


async def test_extensions_race_with_confirms_and_cancels_to_one_outcome(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    apis = [await start_api(**PATIENT), await start_api(**PATIENT)]
    cinema, customer = await apis[0].cinema(rows=4, seats_per_row=10), await apis[0].sign_up()
    reservations = []
    for seat in cinema.seat_ids[:30]:
        hold = (await apis[0].hold(customer, cinema.showtime_id, [seat])).json
        await age(db, redis_url, hold, 300)
        reservations.append(hold["id"])

    async def race(number: int, reservation: str) -> tuple[int, int]:
        one, other = apis[number % 2], apis[(number + 1) % 2]
        ends = one.confirm if number % 3 else one.cancel
        ended, extended = await asyncio.gather(ends(customer, reservation), other.extend(customer, reservation))
        return ended.status, extended.status

    outcomes = await asyncio.gather(*(race(number, one) for number, one in enumerate(reservations)))

    assert {ended for ended, _ in outcomes} == {200}
    assert {extended for _, extended in outcomes} <= {200, 409}
    statuses = await apis[0].statuses(cinema.showtime_id)
    assert [statuses[seat] for seat in cinema.seat_ids[:30]] == [
        "booked" if number % 3 else "available" for number in range(30)
    ]
    await assert_sound(db, redis_url)


async def test_a_hold_that_ends_before_postgresql_extends_it_is_not_extended(api: Api, db: Connection) -> None:
    cinema, customer, hold = await held(api)
    await db.execute("update reservations set expires_at = created_at + interval '1 us'")
    async with api.client.app[DATABASE].write_for(customer.id) as conn:
        extended_at = await reservations.extend(
            conn,
            reservation_id=UUID(hold["id"]),
            showtime_id=cinema.showtime_id,
            user_id=customer.id,
            ttl_ms=60_000,
            max_s=3600,
        )
    assert extended_at is None
    assert await db.fetchval("select expires_at < now() from reservations")
