"""Payments that are made elsewhere: whoever takes the money says so."""

import asyncio
from functools import partial

from tests.api import Api, Connection
from tests.payments.sales import Sale, end_hold, external_sale, pay, payments_of, persistently, refunds_of, status, work
from tests.races.test_booking_races import assert_sound


async def test_staff_say_that_a_hold_was_paid_and_its_customer_confirms(
    external_api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    held = await external_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    unpaid = await external_api.confirm(customer, held.json["id"])
    assert (unpaid.status, unpaid.json["amount_due"]) == (402, "20.00")

    paid = await pay(external_api, staff, held.json["id"])

    assert paid.status == 201, paid.text
    assert paid.json == {
        "payment_id": paid.json["payment_id"],
        "provider": "external",
        "status": "succeeded",
        "amount": "20.00",
        "currency": "USD",
        "checkout_url": None,
    }
    assert (await external_api.confirm(customer, held.json["id"])).status == 200
    await work(external_api, db)
    assert await db.fetchval("select count(*) from payments where settled_at is null") == 0
    await assert_sound(db, redis_url)


async def test_customers_may_not_say_that_they_have_paid_but_their_api_keys_may(external_api: Api) -> None:
    cinema, customer, admin = await external_api.cinema(), await external_api.sign_up(), await external_api.admin()
    held = await external_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    refused = await pay(external_api, customer, held.json["id"])
    assert (refused.status, refused.code) == (403, "forbidden")

    body = {"name": "Shop", "user_id": customer.id, "scopes": ["booking"]}
    made = await external_api.call("POST", "/admin/api-keys", body, who=admin)
    headers = {"Authorization": f"Bearer {made.json['key']}"}
    path = f"/reservations/{held.json['id']}/pay"
    assert (await external_api.call("POST", path, headers=headers)).status == 201
    other = await external_api.hold(await external_api.sign_up(), cinema.showtime_id, cinema.seat_ids[1:2])
    foreign = await external_api.call("POST", f"/reservations/{other.json['id']}/pay", headers=headers)
    assert foreign.status == 404


async def test_paying_many_times_at_once_records_one_payment(external_api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    held = await external_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])

    paid = await asyncio.gather(*(persistently(partial(pay, external_api, staff, held.json["id"])) for _ in range(8)))

    assert {each.status for each in paid} == {201}
    assert len({each.json["payment_id"] for each in paid}) == 1
    assert (await external_api.confirm(customer, held.json["id"])).status == 200
    await assert_sound(db, redis_url)


async def test_seats_added_after_the_payment_are_due(external_api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    held = await external_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    await pay(external_api, staff, held.json["id"])
    path = f"/reservations/{held.json['id']}/seats"
    await external_api.call("POST", path, {"seat_ids": cinema.seat_ids[1:3]}, who=customer)

    unpaid = await external_api.confirm(customer, held.json["id"])
    rest = await pay(external_api, staff, held.json["id"])
    confirmed = await external_api.confirm(customer, held.json["id"])

    assert (unpaid.json["amount_due"], rest.json["amount"], confirmed.status) == ("20.00", "20.00", 200)
    await assert_sound(db, redis_url)


async def test_a_paid_hold_that_its_client_never_confirmed_is_confirmed_when_it_has_expired(
    external_api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    held = await external_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    paid = await pay(external_api, staff, held.json["id"])
    sale = Sale(cinema, customer, held.json["id"], paid.json)
    await work(external_api, db)
    assert await status(external_api, sale) == "held"

    await end_hold(db, sale)
    await work(external_api, db)

    assert await status(external_api, sale) == "confirmed"
    await assert_sound(db, redis_url)


async def test_a_paid_hold_that_is_released_is_refunded(external_api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    held = await external_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    paid = await pay(external_api, staff, held.json["id"])
    sale = Sale(cinema, customer, held.json["id"], paid.json)

    await external_api.cancel(customer, held.json["id"])

    assert await refunds_of(external_api, sale) == [("20.00", "cancelled", "succeeded")]
    await work(external_api, db)
    assert [each["refunded"] for each in await payments_of(external_api, sale)] == ["20.00"]
    await assert_sound(db, redis_url)


async def test_what_cannot_be_paid_says_why(external_api: Api, db: Connection) -> None:
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    free = await external_api.cinema(base_price="0.00")
    nothing = await external_api.hold(customer, free.showtime_id, free.seat_ids[:1])
    assert (await pay(external_api, staff, nothing.json["id"])).code == "nothing_to_pay"
    held = [(await external_api.hold(customer, cinema.showtime_id, [seat])).json["id"] for seat in cinema.seat_ids[:2]]
    await external_api.cancel(customer, held[0])
    assert (await pay(external_api, staff, held[0])).code == "reservation_cancelled"
    await end_hold(db, Sale(cinema, customer, held[1], {}))
    assert (await pay(external_api, staff, held[1])).code == "hold_expired"
    assert (await external_api.confirm(customer, held[1])).code == "hold_expired"
    unknown = "00000000-0000-7000-8000-000000000000"
    assert (await pay(external_api, staff, unknown)).status == 404


async def test_a_reservation_that_is_paid_again_after_its_confirm_gives_its_payment(external_api: Api) -> None:
    sale = await external_sale(external_api)
    again = await pay(external_api, await external_api.staff(), sale.reservation_id)
    assert (again.status, again.json) == (201, sale.payment)


async def test_staff_who_are_staff_no_more_may_not_say_that_it_was_paid(external_api: Api) -> None:
    cinema, staff, admin = await external_api.cinema(), await external_api.staff(), await external_api.admin()
    held = [
        (await external_api.hold(await external_api.sign_up(), cinema.showtime_id, [seat])).json["id"]
        for seat in cinema.seat_ids[:2]
    ]
    assert (await pay(external_api, staff, held[0])).status == 201
    await external_api.call("PUT", f"/admin/users/{staff.id}/role", {"role": "user"}, who=admin)
    assert (await pay(external_api, staff, held[1])).status == 403
