"""Many clients at once: each seat has one owner in the end."""

import asyncio
import random
from collections import Counter
from itertools import combinations, islice
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from reservation.dba.audit import audit
from reservation.seatmap.layouts import Layouts
from tests.api import Api, Cinema, Person, slot
from tests.conftest import StartApi

CLIENTS = 64


async def owners(db: "asyncpg.Connection[asyncpg.Record]", showtime_id: int) -> Counter[int]:
    """How often each seat of a showtime is sold."""
    rows = await db.fetch("select seat_id from booked_seats where showtime_id = $1", showtime_id)
    return Counter(row["seat_id"] for row in rows)


async def assert_sound(db: "asyncpg.Connection[asyncpg.Record]", redis_url: str, *, but: str | None = None) -> None:
    """Every invariant holds, in both stores, but for a rule."""
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        assert [each for each in await audit(db, client) if each.rule != but] == []


async def buy(api: Api, who: Person, cinema: Cinema, seat_ids: list[int]) -> set[int]:
    """Hold and confirm; answers the seats that the customer was told are theirs."""
    held = await api.hold(who, cinema.showtime_id, seat_ids)
    if held.status == 409:
        assert held.code == "seats_unavailable"
        assert {seat["seat_id"] for seat in held.json["seats"]} <= set(seat_ids)
        return set()
    assert held.status == 201, held.text
    confirmed = await api.confirm(who, held.json["id"])
    assert confirmed.status == 200, confirmed.text
    return set(seat_ids)


async def test_overlapping_seats_in_different_orders_have_one_owner_each(
    api: Api, db: "asyncpg.Connection[asyncpg.Record]", redis_url: str
) -> None:
    cinema = await api.cinema(rows=2, seats_per_row=10)
    customers = [await api.sign_up() for _ in range(8)]
    chance = random.Random(7)
    wishes = [chance.sample(cinema.seat_ids, chance.randint(1, 5)) for _ in range(CLIENTS)]

    bought = await asyncio.gather(
        *(buy(api, customers[number % 8], cinema, wish) for number, wish in enumerate(wishes))
    )

    for one, other in combinations(bought, 2):
        assert not one & other
    assert any(bought)
    assert await owners(db, cinema.showtime_id) == Counter(seat for seats in bought for seat in seats)
    await assert_sound(db, redis_url)


async def test_many_holds_of_one_seat_at_once_sell_it_once(
    api: Api, db: "asyncpg.Connection[asyncpg.Record]", redis_url: str
) -> None:
    cinema = await api.cinema()
    customers = [await api.sign_up() for _ in range(8)]

    bought = await asyncio.gather(
        *(buy(api, customers[number % 8], cinema, cinema.seat_ids[:1]) for number in range(CLIENTS))
    )

    assert len([seats for seats in bought if seats]) == 1
    assert await owners(db, cinema.showtime_id) == Counter(cinema.seat_ids[:1])
    await assert_sound(db, redis_url)


async def test_concurrent_confirms_of_one_hold_book_once(
    api: Api, db: "asyncpg.Connection[asyncpg.Record]", redis_url: str
) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:3])

    answers = await asyncio.gather(*(api.confirm(customer, held.json["id"]) for _ in range(24)))

    assert [answer.status for answer in answers] == [200] * 24
    assert {answer.json["status"] for answer in answers} == {"confirmed"}
    assert await owners(db, cinema.showtime_id) == Counter(cinema.seat_ids[:3])
    await assert_sound(db, redis_url)


async def test_after_redis_lost_all_holds_each_seat_is_still_sold_once(
    api: Api, db: "asyncpg.Connection[asyncpg.Record]", redis_url: str
) -> None:
    """Redis loses everything between the holds, so all of them are granted, and one confirm succeeds."""
    cinema = await api.cinema()
    customers = [await api.sign_up() for _ in range(8)]
    orders = [cinema.seat_ids[:4] if number % 2 else cinema.seat_ids[3::-1] for number in range(8)]
    held = []
    async with Redis.from_url(redis_url) as redis:
        for customer, seats in zip(customers, orders, strict=True):
            await db.execute("update reservations set expires_at = now() + interval '1 ms' where status = 'held'")
            await redis.flushall()
            await asyncio.sleep(0.002)
            held.append(await api.hold(customer, cinema.showtime_id, seats))
    assert [answer.status for answer in held] == [201] * 8
    await db.execute("update reservations set expires_at = now() + interval '10 min'")

    answers = await asyncio.gather(
        *(api.confirm(customer, answer.json["id"]) for customer, answer in zip(customers, held, strict=True))
    )

    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    for answer in answers:
        if answer.status == 409:
            assert {seat["reason"] for seat in answer.json["seats"]} == {"booked"}
    assert await owners(db, cinema.showtime_id) == Counter(cinema.seat_ids[:4])


async def test_a_confirm_and_a_cancel_at_once_have_one_outcome(
    api: Api, db: "asyncpg.Connection[asyncpg.Record]", redis_url: str
) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    for seat in cinema.seat_ids[:10]:
        held = await api.hold(customer, cinema.showtime_id, [seat])
        reservation = held.json["id"]

        confirmed, cancelled = await asyncio.gather(
            api.confirm(customer, reservation), api.cancel(customer, reservation)
        )

        assert cancelled.status == 200
        assert confirmed.status == 200 or confirmed.code == "reservation_cancelled"
        last = await api.call("GET", f"/reservations/{reservation}", who=customer)
        assert last.json["status"] == "cancelled"
    assert not await owners(db, cinema.showtime_id)
    await assert_sound(db, redis_url)


async def test_a_confirm_and_a_release_of_the_hold_at_once_leave_what_was_confirmed(
    api: Api, db: "asyncpg.Connection[asyncpg.Record]", redis_url: str
) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    sold = Counter[int]()
    for seat in cinema.seat_ids[:10]:
        held = await api.hold(customer, cinema.showtime_id, [seat])
        path = f"/reservations/{held.json['id']}"

        confirmed, released = await asyncio.gather(
            api.confirm(customer, held.json["id"]),
            api.call("POST", f"{path}/cancel", {"holds_only": True}, who=customer),
        )

        outcome = (confirmed.code, released.code)
        assert outcome in ((None, "reservation_confirmed"), ("reservation_cancelled", None))
        last = await api.call("GET", path, who=customer)
        assert last.json["status"] == ("confirmed" if confirmed.status == 200 else "cancelled")
        sold[seat] += confirmed.status == 200
    assert await owners(db, cinema.showtime_id) == +sold
    await assert_sound(db, redis_url)


async def test_holds_during_a_move_to_another_room_have_seats_of_one_room(
    api: Api, db: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Either the move is first and the seats are of another room, or a hold is and the showtime is not moved."""
    cinema = await api.cinema()
    customer = await api.sign_up()
    other_room, _ = await api.auditorium()
    body = {"movie_id": cinema.movie_id, "auditorium_id": other_room, "base_price": "9.00"} | slot(24)
    path = f"/admin/showtimes/{cinema.showtime_id}"
    admin = await api.admin()

    *held, moved = await asyncio.gather(
        *(api.hold(customer, cinema.showtime_id, [seat]) for seat in cinema.seat_ids[:16]),
        api.call("PUT", path, body, who=admin),
    )

    assert moved.status in (200, 409)
    assert {answer.status for answer in held} <= {201, 422, 503}
    foreign = await db.fetchval(
        "select count(*) from reservation_seats rs join reservations r on r.id = rs.reservation_id"
        " join showtimes st on st.id = r.showtime_id join seats s on s.id = rs.seat_id"
        " where s.auditorium_id <> st.auditorium_id"
    )
    assert foreign == 0


async def test_a_hold_succeeds_although_the_price_changes_each_time_it_is_read(
    api: Api, db: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    cinema = await api.cinema()
    read, new_prices = Layouts.read, iter(range(20, 26))

    async def read_before_a_change(*asked: Any, **options: Any) -> Any:
        found = await read(*asked, **options)
        for price in islice(new_prices, 1):
            await db.execute("update showtimes set base_price = $2 where id = $1", cinema.showtime_id, price)
        return found

    monkeypatch.setattr(Layouts, "read", read_before_a_change)
    held = await api.hold(await api.sign_up(), cinema.showtime_id, cinema.seat_ids[:1])

    assert held.status == 201, held.text
    assert held.json["total_price"] == "25.00"


async def test_of_overlapping_showtimes_created_at_once_one_is_created(api: Api) -> None:
    movie_id = await api.movie()
    auditorium_id, _ = await api.auditorium()
    admin = await api.admin()
    bodies = [
        {"movie_id": movie_id, "auditorium_id": auditorium_id, "base_price": "8.00"} | slot(24 + number / 60)
        for number in range(24)
    ]

    answers = await asyncio.gather(*(api.call("POST", "/admin/showtimes", body, who=admin) for body in bodies))

    made = [answer for answer in answers if answer.status == 201]
    assert len(made) == 1
    for answer in answers:
        if answer.status != 201:
            assert answer.code == "showtime_overlap"
            assert answer.json["conflicting_showtime_id"] == made[0].json["id"]


async def test_seat_batches_at_once_stay_within_the_capacity(api: Api) -> None:
    room = await api.make("/admin/auditoriums", {"name": "Small", "capacity": 50})
    admin = await api.admin()
    path = f"/admin/auditoriums/{room['id']}/seats/batch"

    answers = await asyncio.gather(
        *(api.call("POST", path, {"rows": 1, "seats_per_row": 10}, who=admin) for _ in range(8))
    )

    assert sorted(answer.status for answer in answers) == [201] * 5 + [409] * 3
    labels = [answer.json["seats"][0]["row_label"] for answer in answers if answer.status == 201]
    assert sorted(labels) == ["A", "B", "C", "D", "E"]


async def test_two_workers_sell_each_seat_once(
    start_api: StartApi, db: "asyncpg.Connection[asyncpg.Record]", redis_url: str
) -> None:
    """Two instances on the same stores, and customers who use both."""
    first, second = await start_api(), await start_api()
    cinema = await first.cinema(rows=2, seats_per_row=5)
    customers = [await first.sign_up() for _ in range(4)]
    chance = random.Random(11)
    buyers = [
        buy(chance.choice((first, second)), chance.choice(customers), cinema, chance.sample(cinema.seat_ids, 2))
        for _ in range(CLIENTS)
    ]

    bought = await asyncio.gather(*buyers)

    assert await owners(db, cinema.showtime_id) == Counter(seat for seats in bought for seat in seats)
    assert await first.statuses(cinema.showtime_id) == await second.statuses(cinema.showtime_id)
    await assert_sound(db, redis_url)
