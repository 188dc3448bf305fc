"""The box office and the customer act on one reservation at once."""

import asyncio
from typing import Any

import pytest

from tests.api import Answer, Api, Cinema, Connection, Person
from tests.races.test_booking_races import assert_sound, owners

CUSTOMER = {"name": "Grace", "email": "grace@example.com"}


async def cancel(api: Api, who: Person, reservation_id: str, reason: str) -> Answer:
    return await api.call("POST", f"/admin/reservations/{reservation_id}/cancel", {"reason": reason}, who=who)


async def hold_for(
    api: Api, who: Person, cinema: Cinema, seat_id: int, *, name: str = CUSTOMER["name"], **rest: Any
) -> Answer:
    body = {"seat_ids": [seat_id], "customer": CUSTOMER | {"name": name}}
    return await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=who, **rest)


@pytest.mark.parametrize("is_keyed", [False, True])
async def test_a_cancel_by_staff_and_a_confirm_at_once_leave_it_cancelled(
    api: Api, db: Connection, redis_url: str, is_keyed: bool
) -> None:
    cinema = await api.cinema()
    customer, staff = await api.sign_up(), await api.staff()
    for number, seat in enumerate(cinema.seat_ids[:10]):
        held = (await api.hold(customer, cinema.showtime_id, [seat])).json["id"]
        # A keyed confirm of the staff runs alone, in a transaction; one of the customer in a batch.
        who, headers = (staff, {"Idempotency-Key": f"confirm-{number}"}) if is_keyed else (customer, {})

        confirmed, cancelled = await asyncio.gather(
            api.call("POST", f"/reservations/{held}/confirm", who=who, headers=headers),
            cancel(api, staff, held, "Ill"),
        )

        assert (cancelled.status, cancelled.json["cancel_reason"]) == (200, "Ill")
        assert confirmed.status == 200 or confirmed.code == "reservation_cancelled"
        last = await api.call("GET", f"/reservations/{held}", who=customer)
        assert last.json["status"] == "cancelled"
    assert not await owners(db, cinema.showtime_id)
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    await assert_sound(db, redis_url)


async def test_of_several_cancels_by_staff_at_once_one_gives_the_reason(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema = await api.cinema()
    customer, staff, other = await api.sign_up(), await api.staff(), await api.staff("admin")
    for seat in cinema.seat_ids[:5]:
        held = (await api.hold(customer, cinema.showtime_id, [seat])).json["id"]
        assert (await api.confirm(customer, held)).status == 200

        answers = await asyncio.gather(
            *(cancel(api, who, held, f"Reason {number}") for number, who in enumerate((staff, other) * 4))
        )

        assert [answer.status for answer in answers] == [200] * 8
        kept = await db.fetchval("select cancel_reason from reservations where id = $1::uuid", held)
        assert {answer.json["cancel_reason"] for answer in answers} == {kept}
    assert not await owners(db, cinema.showtime_id)
    await assert_sound(db, redis_url)


async def test_a_cancel_by_staff_and_one_by_the_customer_at_once_have_one_outcome(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema = await api.cinema()
    customer, staff, next_one = await api.sign_up(), await api.staff(), await api.sign_up()
    for seat in cinema.seat_ids[:10]:
        held = (await api.hold(customer, cinema.showtime_id, [seat])).json["id"]
        assert (await api.confirm(customer, held)).status == 200

        answers = await asyncio.gather(api.cancel(customer, held), cancel(api, staff, held, "Ill"))

        assert [answer.status for answer in answers] == [200, 200]
        kept = (answers[1].json["cancelled_by"], answers[1].json["cancel_reason"])
        assert kept in {("customer", None), ("staff", "Ill")}
        # A release that comes late must not free the seat of the next customer.
        sold = await api.hold(next_one, cinema.showtime_id, [seat])
        assert (await api.confirm(next_one, sold.json["id"])).status == 200
    assert set((await owners(db, cinema.showtime_id)).values()) == {1}
    assert len(await owners(db, cinema.showtime_id)) == 10
    await assert_sound(db, redis_url)


async def test_concurrent_holds_for_a_new_customer_make_one_guest(api: Api, db: Connection, redis_url: str) -> None:
    cinema = await api.cinema(rows=10, seats_per_row=20)
    staff = [await api.staff() for _ in range(4)]

    for begin in range(0, 200, 20):
        seats = cinema.seat_ids[begin : begin + 20]
        answers = await asyncio.gather(
            *(
                hold_for(api, staff[number % 4], cinema, seat, name=f"Customer {begin}")
                for number, seat in enumerate(seats)
            )
        )
        assert [answer.status for answer in answers] == [201] * 20

    assert await db.fetchval("select count(*) from users where role = 'guest'") == 10
    assert await db.fetchval("select count(distinct user_id) from reservations") == 10
    await assert_sound(db, redis_url)


async def test_equal_holds_for_a_customer_with_one_idempotency_key_are_carried_out_once(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, staff = await api.cinema(), await api.staff()
    for number, seat in enumerate(cinema.seat_ids[:5]):
        headers = {"Idempotency-Key": f"till-{number}"}

        answers = await asyncio.gather(*(hold_for(api, staff, cinema, seat, headers=headers) for _ in range(6)))

        made = [answer for answer in answers if answer.status == 201]
        assert made
        assert len({answer.json["id"] for answer in made}) == 1
        assert {answer.code for answer in answers if answer.status != 201} <= {"idempotency_in_flight"}
    assert await db.fetchval("select count(*) from reservations") == 5
    await assert_sound(db, redis_url)
