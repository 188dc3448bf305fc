"""Hold, confirm, cancel: the contract as a customer's client sees it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from reservation.db.reservation_ids import showtime_of
from tests.api import Answer, Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi

UNKNOWN = "01890000-0000-7000-8000-000000000000"


def refused_seats(answer: Answer) -> dict[int, str]:
    assert (answer.status, answer.code) == (409, "seats_unavailable"), answer.text
    return {seat["seat_id"]: seat["reason"] for seat in answer.json["seats"]}


def pointers(answer: Answer) -> list[str]:
    assert (answer.status, answer.code) == (422, "validation_error"), answer.text
    return [error["pointer"] for error in answer.json["errors"]]


async def confirmed(api: Api, who: Person, showtime_id: int, seat_ids: list[int]) -> Any:
    held = await api.hold(who, showtime_id, seat_ids)
    assert held.status == 201, held.text
    answer = await api.confirm(who, held.json["id"])
    assert answer.status == 200, answer.text
    return answer.json


async def test_a_hold_and_its_confirm_change_the_seat_map(api: Api) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    first, second = cinema.seat_ids[:2]

    held = await api.hold(customer, cinema.showtime_id, [second, first])

    assert held.status == 201, held.text
    assert held.headers["Location"] == f"/reservations/{held.json['id']}"
    assert held.json["status"] == "held"
    assert held.json["showtime_id"] == cinema.showtime_id
    assert [(seat["seat_id"], seat["row_label"], seat["seat_number"]) for seat in held.json["seats"]] == [
        (first, "A", 1),
        (second, "A", 2),
    ]
    assert held.json["total_price"] == "20.00"
    assert (await api.call("GET", held.headers["Location"], who=customer)).json == held.json
    confirmed = await api.confirm(customer, held.json["id"])
    assert confirmed.status == 200, confirmed.text
    changes = {"status": "confirmed", "confirmed_at": confirmed.json["confirmed_at"]}
    assert confirmed.json == held.json | changes
    statuses = await api.statuses(cinema.showtime_id)
    assert [seat for seat, status in statuses.items() if status == "booked"] == [first, second]


async def test_a_hold_has_the_time_at_which_it_expires(start_api: StartApi) -> None:
    api = await start_api(HOLD_TTL_SECONDS="90")
    cinema = await api.cinema()
    held = (await api.hold(await api.sign_up(), cinema.showtime_id, cinema.seat_ids[:1])).json
    life = datetime.fromisoformat(held["expires_at"]) - datetime.fromisoformat(held["created_at"])
    assert timedelta(seconds=89) < life <= timedelta(seconds=90)  # less what it took from Redis to here
    assert held["expires_at"].endswith("Z")


async def test_the_id_of_a_reservation_is_a_uuid_that_names_its_showtime(api: Api) -> None:
    cinema = await api.cinema()
    held = await api.hold(await api.sign_up(), cinema.showtime_id, cinema.seat_ids[:1])
    assert held.json["id"][14] == "8"
    assert showtime_of(UUID(held.json["id"])) == cinema.showtime_id


async def test_a_hold_of_a_held_seat_names_it_and_holds_nothing(api: Api) -> None:
    cinema = await api.cinema()
    first, second, third, fourth = cinema.seat_ids[:4]
    one, other, late = [await api.sign_up() for _ in range(3)]
    await confirmed(api, one, cinema.showtime_id, [first])
    assert (await api.hold(other, cinema.showtime_id, [second])).status == 201

    refused = await api.hold(late, cinema.showtime_id, [fourth, second, third, first])

    assert refused_seats(refused) == {first: "booked", second: "held"}
    statuses = await api.statuses(cinema.showtime_id)
    assert [statuses[seat] for seat in (first, second, third, fourth)] == ["booked", "held", "available", "available"]
    assert (await api.call("GET", "/reservations", who=late)).json["items"] == []
    assert (await api.hold(late, cinema.showtime_id, [third, fourth])).status == 201


async def test_a_hold_of_a_booked_seat_names_it(api: Api) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    await confirmed(api, customer, cinema.showtime_id, cinema.seat_ids[:2])
    refused = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:4])
    assert refused_seats(refused) == {cinema.seat_ids[1]: "booked"}
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[2:4])).status == 201


async def test_a_second_hold_of_the_same_user_on_a_seat_is_409(api: Api) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    refused = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    assert refused_seats(refused) == {cinema.seat_ids[0]: "held"}


async def test_the_same_seat_of_another_showtime_can_be_held(api: Api) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    await confirmed(api, customer, cinema.showtime_id, cinema.seat_ids[:1])
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    assert (await api.statuses(later))[cinema.seat_ids[0]] == "available"
    assert (await api.hold(customer, later, cinema.seat_ids[:1])).status == 201
    assert (await api.statuses(cinema.showtime_id))[cinema.seat_ids[0]] == "booked"


@pytest.mark.parametrize(
    ("base_price", "modifier", "price"),
    [
        ("10.00", "1.00", "10.00"),
        ("0.50", "0.25", "0.13"),  # 0.125: half to even would say 0.12
        ("0.10", "0.25", "0.03"),  # 0.025: half to even would say 0.02
        ("12.34", "1.25", "15.43"),  # 15.425
        ("9.99", "1.50", "14.99"),  # 14.985: half to even would say 14.98
        ("1.00", "0.00", "0.00"),
        ("0", "3", "0.00"),
        (12.5, 1.5, "18.75"),
        (7, 2, "14.00"),
        ("999999.99", "99.99", "99989999.00"),  # 99989999.0001
    ],
)
async def test_prices_are_rounded_half_up(shared_api: Api, base_price: str, modifier: str, price: str) -> None:
    cinema = await shared_api.cinema(rows=1, seats_per_row=1, base_price=base_price)
    await shared_api.call(
        "PUT", f"/admin/auditoriums/{cinema.auditorium_id}", {"name": "R", "capacity": 5}, who=await shared_api.admin()
    )
    batch = {"rows": 1, "seats_per_row": 3, "seat_type": "premium", "price_modifier": modifier}
    made = await shared_api.make(f"/admin/auditoriums/{cinema.auditorium_id}/seats/batch", batch)
    seat_ids = [seat["id"] for seat in made["seats"]]

    held = await shared_api.hold(await shared_api.sign_up(), cinema.showtime_id, seat_ids)

    assert held.status == 201, held.text
    assert [seat["price"] for seat in held.json["seats"]] == [price] * 3
    assert held.json["total_price"] == f"{sum(round(float(price) * 100) for _ in range(3)) / 100:.2f}"
    seat_map = await shared_api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")
    assert [seat["price"] for seat in seat_map.json["seats"][1:]] == [price] * 3


async def test_a_changed_price_does_not_change_a_hold(api: Api) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    shown = (await api.call("GET", f"/showtimes/{cinema.showtime_id}")).json
    body = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "99.00"}
    times = {name: shown[name] for name in ("starts_at", "ends_at")}
    changed = await api.call("PUT", f"/admin/showtimes/{cinema.showtime_id}", body | times, who=await api.admin())
    assert changed.status == 200, changed.text
    assert (await api.confirm(customer, held.json["id"])).json["total_price"] == "20.00"


async def test_a_seat_of_another_room_is_422(api: Api) -> None:
    cinema = await api.cinema()
    _, elsewhere = await api.auditorium()
    customer = await api.sign_up()
    refused = await api.hold(customer, cinema.showtime_id, [cinema.seat_ids[0], elsewhere[0]])
    assert pointers(refused) == ["/seat_ids/1"]
    assert pointers(await api.hold(customer, cinema.showtime_id, [2**63 - 1])) == ["/seat_ids/0"]
    assert "held" not in (await api.statuses(cinema.showtime_id)).values()


async def test_an_invalid_list_of_seats_is_422(start_api: StartApi) -> None:
    api = await start_api(MAX_SEATS_PER_HOLD="3")
    cinema = await api.cinema()
    customer = await api.sign_up()
    first, second = cinema.seat_ids[:2]
    refused = {
        "/seat_ids/2": [first, second, first],
        "/seat_ids": cinema.seat_ids[:4],
    }
    for pointer, seat_ids in refused.items():
        assert pointers(await api.hold(customer, cinema.showtime_id, seat_ids)) == [pointer]
    assert pointers(await api.hold(customer, cinema.showtime_id, [])) == ["/seat_ids"]
    assert pointers(await api.hold(customer, cinema.showtime_id, list(range(1, 1000)))) == ["/seat_ids"]
    assert "held" not in (await api.statuses(cinema.showtime_id)).values()
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:3])).status == 201


async def test_a_hold_of_an_unknown_showtime_is_404(api: Api) -> None:
    refused = await api.hold(await api.sign_up(), 4711, [1])
    assert (refused.status, refused.code) == (404, "not_found")


async def test_a_hold_of_a_started_showtime_is_409(api: Api) -> None:
    cinema = await api.cinema(**slot(-0.1))
    refused = await api.hold(await api.sign_up(), cinema.showtime_id, cinema.seat_ids[:1])
    assert (refused.status, refused.code) == (409, "showtime_started")
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}


async def test_a_hold_of_a_seat_that_is_retired_meanwhile_is_422(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    async with db.transaction():
        await db.execute("update seats set retired_at = now() where id = $1", cinema.seat_ids[0])
        holding = asyncio.create_task(api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2]))
        await somebody_waits(db)
    refused = await holding
    assert pointers(refused) == ["/seat_ids/0"]
    assert "held" not in (await api.statuses(cinema.showtime_id)).values()


async def test_a_hold_has_the_new_price_although_the_worker_knows_the_old_layout(
    api: Api, db: Connection, redis_url: str
) -> None:
    """Nothing tells the worker of a change by hand; its seats stay held while it reads the layout again."""
    cinema, customer = await api.cinema(), await api.sign_up()
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json["total_price"] == "10.00"
    await db.execute("update showtimes set base_price = 12.34")
    await db.execute("update seats set price_modifier = 1.5 where id = $1", cinema.seat_ids[2])

    held = await api.hold(customer, cinema.showtime_id, [cinema.seat_ids[2], cinema.seat_ids[1]])

    assert held.status == 201
    assert [(seat["seat_id"], seat["price"]) for seat in held.json["seats"]] == [
        (cinema.seat_ids[1], "12.34"),
        (cinema.seat_ids[2], "18.51"),
    ]
    assert held.json["total_price"] == "30.85"
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert await redis.get(f"{{{cinema.showtime_id}}}:seat:{cinema.seat_ids[2]}") == held.json["id"]
    assert (await api.call("GET", f"/reservations/{held.json['id']}", who=customer)).json == held.json


async def test_a_hold_of_a_seat_that_was_added_by_hand_is_granted(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    added = await db.fetchval(
        "insert into seats (auditorium_id, row_label, seat_number) values ($1, 'ZZ', 1) returning id",
        cinema.auditorium_id,
    )
    held = await api.hold(customer, cinema.showtime_id, [added])
    assert [seat["row_label"] for seat in held.json["seats"]] == ["ZZ"]


async def test_booking_without_a_token_is_401(api: Api) -> None:
    cinema = await api.cinema()
    refused = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", {"seat_ids": cinema.seat_ids[:1]})
    assert (refused.status, refused.code) == (401, "not_authenticated")


async def reserved(api: Api) -> tuple[Cinema, Person, Any]:
    cinema = await api.cinema()
    customer = await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    assert held.status == 201, held.text
    return cinema, customer, held.json


async def somebody_waits(db: Connection) -> None:
    """Until a statement of the service waits for a lock."""
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    async with asyncio.timeout(10):
        while not await db.fetchval(waiting):
            await db.execute("select pg_stat_clear_snapshot()")  # else a transaction sees those of its first look
            await asyncio.sleep(0.01)
