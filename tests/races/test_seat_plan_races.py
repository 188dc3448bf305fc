"""Changes of a seat plan against holds: a seat that somebody gets stays in the room, at the price that was answered."""

import asyncio
from typing import Any

from tests.api import Api, Connection
from tests.catalog.test_seat_plans import put_plan, put_seat
from tests.catalog.test_seat_retirement import waiting
from tests.races.test_booking_races import assert_sound

SEATS = 8
ROUNDS = 6


def plan(numbers: range, **fields: Any) -> list[dict[str, Any]]:
    return [{"row_label": "A", "seat_number": number} | fields for number in numbers]


async def test_a_plan_change_and_holds_never_leave_a_reserved_seat_out(
    api: Api, db: Connection, redis_url: str
) -> None:
    people = [await api.sign_up() for _ in range(4)]
    for number in range(ROUNDS):
        cinema = await api.cinema(rows=1, seats_per_row=SEATS)
        kept = range(1, SEATS // 2 + 1)
        changing = put_plan(api, cinema.auditorium_id, plan(kept, price_modifier="2.00"))
        holding = [
            api.hold(person, cinema.showtime_id, [cinema.seat_ids[place + number % 2]])
            for place, person in zip((0, 2, 4, 6), people, strict=True)
        ]
        changed, *held = await asyncio.gather(changing, *holding)

        rooms = "select id from seats where auditorium_id = $1 and retired_at is null order by seat_number"
        there = [row["id"] for row in await db.fetch(rooms, cinema.auditorium_id)]
        won = [answer for answer in held if answer.status == 201]
        assert {answer.status for answer in held} <= {201, 422}
        assert {seat["seat_id"] for answer in won for seat in answer.json["seats"]} <= {*there}
        if changed.status == 200:
            assert there == cinema.seat_ids[: len(kept)]
        else:
            assert (changed.status, changed.code) == (409, "in_use")
            assert there == cinema.seat_ids
            assert {seat["seat_id"] for seat in changed.json["seats"]} <= {*cinema.seat_ids[len(kept) :]}
        for person, answer in zip(people, held, strict=True):
            if answer.status == 201:
                confirmed = await api.confirm(person, answer.json["id"])
                assert confirmed.json["total_price"] == answer.json["total_price"]
    await assert_sound(db, redis_url)


async def test_a_plan_change_waits_for_a_hold_that_is_being_written(api: Api, db: Connection) -> None:
    """It finds the hold, which locks only the showtime."""
    cinema, customer = await api.cinema(rows=1, seats_per_row=SEATS), await api.sign_up()
    async with db.transaction():
        await db.execute("select from users where id = $1 for update", customer.id)
        holding = asyncio.create_task(api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1]))
        await waiting(db, 1)
        changing = asyncio.create_task(put_plan(api, cinema.auditorium_id, plan(range(2, SEATS))))
        await waiting(db, 2)
    assert (await holding).status == 201
    refused = await changing
    assert (refused.status, refused.code) == (409, "in_use")
    assert [seat["seat_id"] for seat in refused.json["seats"]] == cinema.seat_ids[:1]


async def test_racing_plan_changes_leave_one_of_the_plans(api: Api, db: Connection) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=SEATS)
    plans = [plan(range(first, first + 4), x=None, y=None) for first in (1, 3, 5)]
    answers = await asyncio.gather(*(put_plan(api, cinema.auditorium_id, each) for each in plans))
    assert {answer.status for answer in answers} == {200}
    query = (
        "select array_agg(seat_number order by seat_number) from seats where auditorium_id = $1 and retired_at is null"
    )
    there = await db.fetchval(query, cinema.auditorium_id)
    assert there in [[seat["seat_number"] for seat in each] for each in plans]


async def test_of_two_seats_that_move_to_one_place_one_does(api: Api) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=3)
    answers = await asyncio.gather(
        *(put_seat(api, seat_id, row_label="B", seat_number=1) for seat_id in cinema.seat_ids)
    )
    assert sorted(answer.status for answer in answers) == [200, 409, 409]
    assert {answer.code for answer in answers if answer.status == 409} == {"place_taken"}


async def test_a_move_to_another_cinema_waits_for_a_hold_that_is_being_written(api: Api, db: Connection) -> None:
    """It finds the hold, whose answer names the cinema."""
    cinema, customer = await api.cinema(rows=1, seats_per_row=SEATS), await api.sign_up()
    other = await api.make("/admin/cinemas", {"name": "Babylon", "timezone": "Europe/Berlin"})
    room = {"name": "A Room", "capacity": SEATS, "cinema_id": other["id"]}
    path, who = f"/admin/auditoriums/{cinema.auditorium_id}", await api.admin()
    async with db.transaction():
        await db.execute("select from users where id = $1 for update", customer.id)
        holding = asyncio.create_task(api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1]))
        await waiting(db, 1)
        moving = asyncio.create_task(api.call("PUT", path, room, who=who))
        await waiting(db, 2)
    assert (await holding).status == 201
    refused = await moving
    assert (refused.status, refused.code) == (409, "in_use")
