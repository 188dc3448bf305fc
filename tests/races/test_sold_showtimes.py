"""A showtime is called off, or gets another room, while others hold, confirm and cancel."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.db import statements
from tests.api import Answer, Api, Cinema, Connection, Person
from tests.catalog.test_changed_showtimes import replace
from tests.races.test_booking_races import assert_sound

CUSTOMERS = 6


async def call_off(api: Api, cinema: Cinema) -> Answer:
    path = f"/admin/showtimes/{cinema.showtime_id}/cancel"
    answer = await api.call("POST", path, {"reason": "Flooded."}, who=await api.admin())
    assert answer.status == 200, answer.text
    return answer


async def statuses(db: Connection, cinema: Cinema) -> Counter[tuple[str, str | None]]:
    rows = await db.fetch("select status, cancelled_by from reservations where showtime_id = $1", cinema.showtime_id)
    return Counter((row["status"], row["cancelled_by"]) for row in rows)


async def assert_nothing_is_sold(api: Api, db: Connection, redis_url: str, cinema: Cinema) -> None:
    assert await db.fetchval("select count(*) from booked_seats where showtime_id = $1", cinema.showtime_id) == 0
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    await assert_sound(db, redis_url)


async def hold_and_confirm(api: Api, who: Person, cinema: Cinema, seat_ids: list[int]) -> None:
    for seat_id in seat_ids:
        held = await api.hold(who, cinema.showtime_id, [seat_id])
        if held.status == 409:
            assert held.code == "showtime_cancelled"
            return
        assert held.status == 201, held.text
        confirmed = await api.confirm(who, held.json["id"])
        assert confirmed.status == 200 or confirmed.code == "reservation_cancelled", confirmed.text


async def test_no_hold_or_confirm_outlives_a_showtime_that_is_called_off_meanwhile(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema = await api.cinema(rows=CUSTOMERS, seats_per_row=20)
    customers = [await api.sign_up() for _ in range(CUSTOMERS)]
    buying = [
        asyncio.create_task(hold_and_confirm(api, who, cinema, cinema.seat_ids[number * 20 :][:20]))
        for number, who in enumerate(customers)
    ]
    while await db.fetchval("select count(*) from booked_seats") < CUSTOMERS:
        await asyncio.sleep(0)

    answer = await call_off(api, cinema)
    await asyncio.gather(*buying)

    found = await statuses(db, cinema)
    assert set(found) == {("cancelled", "cinema")}
    assert answer.json["cancelled_reservations"] == found.total()
    await assert_nothing_is_sold(api, db, redis_url, cinema)


async def test_a_confirm_that_waits_for_the_cancel_of_its_showtime_is_409(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = [(await api.hold(customer, cinema.showtime_id, [seat])).json["id"] for seat in cinema.seat_ids]

    answers = await asyncio.gather(call_off(api, cinema), *(api.confirm(customer, each) for each in held))

    told = Counter(answer.status for answer in answers[1:])
    assert set(told) <= {200, 409}
    assert await statuses(db, cinema) == Counter({("cancelled", "cinema"): len(held)})
    assert answers[0].json["cancelled_reservations"] == len(held)
    await assert_nothing_is_sold(api, db, redis_url, cinema)


async def test_a_reservation_is_cancelled_once_by_its_customer_or_with_its_showtime(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = [(await api.hold(customer, cinema.showtime_id, [seat])).json["id"] for seat in cinema.seat_ids]
    for reservation_id in held[::2]:
        assert (await api.confirm(customer, reservation_id)).status == 200

    answers = await asyncio.gather(*(api.cancel(customer, each) for each in held), call_off(api, cinema))

    assert {answer.status for answer in answers} == {200}
    found = await statuses(db, cinema)
    assert set(found) <= {("cancelled", "cinema"), ("cancelled", "customer")}
    assert found.total() == len(held)
    assert answers[-1].json["cancelled_reservations"] == found["cancelled", "cinema"]
    await assert_nothing_is_sold(api, db, redis_url, cinema)


async def test_two_cancels_of_a_showtime_have_one_result(api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    for seat in cinema.seat_ids[:20]:
        assert (await api.hold(customer, cinema.showtime_id, [seat])).status == 201

    first, *others = await asyncio.gather(*(call_off(api, cinema) for _ in range(4)))

    assert [other.json for other in others] == [first.json] * 3
    assert first.json["cancelled_reservations"] == 20
    await assert_nothing_is_sold(api, db, redis_url, cinema)


async def test_holds_and_confirms_keep_their_seats_when_their_showtime_changes_rooms(
    api: Api, db: Connection, redis_url: str
) -> None:
    """A try that meets a new hold is repeated; in the end each customer has the seats of the same places."""
    cinema, customers = await api.cinema(rows=4), [await api.sign_up() for _ in range(4)]
    room, seat_ids = await api.auditorium(rows=4)
    admin, path = await api.admin(), f"/admin/showtimes/{cinema.showtime_id}"
    shown = (await api.call("GET", path, who=admin)).json
    body = {name: shown[name] for name in ("movie_id", "starts_at", "ends_at", "base_price")} | {"auditorium_id": room}
    first = [
        (await api.hold(who, cinema.showtime_id, cinema.seat_ids[number * 10 :][:2])).json
        for number, who in enumerate(customers)
    ]

    moving = asyncio.create_task(api.call("PUT", path, body, who=admin, params={"force": "true"}))
    others = await asyncio.gather(
        *(api.confirm(who, held["id"]) for who, held in zip(customers, first, strict=True)),
        *(
            api.hold(who, cinema.showtime_id, [cinema.seat_ids[number * 10 + 5]])
            for number, who in enumerate(customers)
        ),
    )
    moved = await moving

    assert [answer.status for answer in others[:4]] == [200] * 4
    assert {answer.status for answer in others[4:]} <= {201, 422}
    assert moved.status == 200, moved.text
    rows = await db.fetch("select seat_id from booked_seats order by seat_id")
    assert [row["seat_id"] for row in rows] == [seat for number in range(4) for seat in seat_ids[number * 10 :][:2]]
    for answer in others[4:]:
        if answer.status == 201:
            held = await db.fetchval("select seat_ids from reservations where id = $1", answer.json["id"])
            assert held[0] in seat_ids
    await assert_sound(db, redis_url)


PAUSE = 4711  # an advisory lock


async def hold_that_pauses_before_its_locks(
    api: Api, db: Connection, monkeypatch: pytest.MonkeyPatch, who: Person, cinema: Cinema
) -> "asyncio.Task[Answer]":
    """A hold whose statement has taken its snapshot, and waits for PAUSE before it locks the showtime."""
    shipped = statements.sql("reservations/insert_held")
    paused = shipped.replace("set_config('lock_timeout', '300ms', true)", f"pg_advisory_xact_lock_shared({PAUSE})")
    assert paused != shipped
    monkeypatch.setitem(statements._statements, "reservations/insert_held", paused)
    await db.execute(f"select pg_advisory_lock({PAUSE})")
    holding = asyncio.create_task(api.hold(who, cinema.showtime_id, cinema.seat_ids[:1]))
    while not await db.fetchval("select exists (select from pg_locks where locktype = 'advisory' and not granted)"):
        assert not holding.done(), holding.result().text
        await asyncio.sleep(0.005)
    return holding


@pytest.mark.parametrize("what", ["cancelled", "dearer", "blocked"])
async def test_a_hold_sees_what_has_become_of_its_showtime_since_its_snapshot(
    api: Api, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """By the version of the showtime's row that it locks, which is the newest one."""
    cinema, customer, admin = await api.cinema(), await api.sign_up(), await api.admin()
    assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")).status == 200
    holding = await hold_that_pauses_before_its_locks(api, db, monkeypatch, customer, cinema)
    try:
        if what == "cancelled":
            await call_off(api, cinema)
        elif what == "dearer":
            assert (await replace(api, cinema, base_price="15.00")).status == 200
        else:
            async with Redis.from_url(redis_url) as redis:
                await redis.flushall()  # or the block would find the seat held
            body: dict[str, Any] = {"seat_ids": cinema.seat_ids[:1], "reason": "Broken"}
            path = f"/admin/showtimes/{cinema.showtime_id}/blocks"
            assert (await api.call("POST", path, body, who=admin)).status == 201
    finally:
        await db.execute(f"select pg_advisory_unlock({PAUSE})")
    answer = await holding
    if what == "dearer":
        assert (answer.status, answer.json["total_price"]) == (201, "15.00")
    else:
        code = "showtime_cancelled" if what == "cancelled" else "seats_unavailable"
        assert (answer.status, answer.code) == (409, code), answer.text
        assert await db.fetchval("select count(*) from reservations") == 0
    await assert_sound(db, redis_url)
