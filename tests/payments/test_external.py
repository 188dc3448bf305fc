"""Payments that are made elsewhere: whoever takes the money says so."""

import asyncio
from functools import partial
from uuid import UUID

from tests.api import Api, Connection
from tests.identity.test_change_log import entries
from tests.payments.sales import Sale, end_hold, external_sale, pay, persistently, status
from tests.payments.test_stripe import forget_holds
from tests.races.test_booking_races import assert_sound
from tests.web.visitor import visitor_of


async def test_staff_say_that_a_hold_was_paid_and_it_is_confirmed_and_recorded(
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
    sale = Sale(cinema, customer, held.json["id"], paid.json)
    assert await status(external_api, sale) == "confirmed"
    again = await external_api.confirm(customer, held.json["id"])
    assert (again.status, again.json["total_price"]) == (200, "20.00")
    [entry] = await entries(external_api, subject=f"reservation/{held.json['id']}")
    assert (entry["action"], entry["user_id"], entry["after"]["status"]) == (
        "pay_reservation",
        staff.id,
        "confirmed",
    )
    assert await db.fetchval("select count(*) from payments where settled_at is null") == 0
    types = [row["type"] for row in await db.fetch("select type from outbox order by id")]
    assert types[-2:] == ["payment.succeeded", "reservation.confirmed"]
    await assert_sound(db, redis_url)


async def test_a_payment_of_another_amount_than_is_due_is_422_and_confirms_nothing(external_api: Api) -> None:
    """The customer adds seats from another device while the till shows the price of one."""
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    held = await external_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    path = f"/reservations/{held.json['id']}"
    till = await visitor_of(external_api)
    await till.sign_in(staff)
    assert "$10.00 paid at the till" in (await till.open(f"/box-office{path}")).text
    more = {"seat_ids": cinema.seat_ids[1:3]}
    assert (await external_api.call("POST", f"{path}/seats", more, who=customer)).status == 200

    body = {"provider": "external", "amount": "10.00"}
    refused = await external_api.call("POST", f"{path}/pay", body, who=staff)
    assert (refused.status, [each["pointer"] for each in refused.json["errors"]]) == (422, ["/amount"])
    page = await till.submit(f"/box-office{path}/paid")
    assert (page.status, "30.00 is due" in page.text, "$30.00 paid at the till" in page.text) == (422, True, True)
    assert (await external_api.call("GET", path, who=customer)).json["status"] == "held"

    for _ in range(2):  # the second is a repetition
        paid = await external_api.call("POST", f"{path}/pay", body | {"amount": "30.00"}, who=staff)
        assert (paid.status, paid.json["amount"]) in {(201, "30.00"), (200, "30.00")}


async def test_customers_may_not_say_that_they_have_paid_but_their_api_keys_may(external_api: Api) -> None:
    cinema, customer, admin = await external_api.cinema(), await external_api.sign_up(), await external_api.admin()
    held = await external_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    refused = await pay(external_api, customer, held.json["id"])
    assert (refused.status, refused.code) == (403, "forbidden")

    body = {"name": "Shop", "user_id": customer.id, "scopes": ["booking"]}
    made = await external_api.call("POST", "/admin/api-keys", body, who=admin)
    assert made.status == 201, made.text
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

    assert sorted(each.status for each in paid) == [200] * 7 + [201]
    assert len({each.json["payment_id"] for each in paid}) == 1
    assert (await external_api.confirm(customer, held.json["id"])).status == 200
    await assert_sound(db, redis_url)


async def test_many_holds_paid_at_once_by_an_api_key_have_one_payment_each(
    external_api: Api, db: Connection, redis_url: str
) -> None:
    cinema, shop, admin = await external_api.cinema(), await external_api.sign_up(), await external_api.admin()
    body = {"name": "Shop", "user_id": shop.id, "scopes": ["booking"], "limits": {"max_holds_per_user": 0}}
    made = await external_api.call("POST", "/admin/api-keys", body, who=admin)
    assert made.status == 201, made.text
    headers = {"Authorization": f"Bearer {made.json['key']}"}
    held = [
        await external_api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", {"seat_ids": [seat]}, headers=headers)
        for seat in cinema.seat_ids[:20]
    ]
    paths = [f"/reservations/{each.json['id']}/pay" for each in held]

    paid = await asyncio.gather(*(external_api.call("POST", path, headers=headers) for path in paths))

    assert {(each.status, each.json["amount"]) for each in paid} == {(201, "10.00")}
    assert len({each.json["payment_id"] for each in paid}) == 20
    assert await db.fetchval("select count(*) from reservations where status = 'confirmed'") == 20
    await assert_sound(db, redis_url)


async def test_an_expired_hold_that_was_paid_is_confirmed_late(
    external_api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    held = await external_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    sale = Sale(cinema, customer, held.json["id"], {})
    await end_hold(db, sale)

    paid = await pay(external_api, staff, held.json["id"])

    assert (paid.status, paid.json["amount"]) == (201, "20.00")
    found = await external_api.call("GET", f"/reservations/{held.json['id']}", who=customer)
    assert (found.json["status"], found.json["late"]) == ("confirmed", True)
    await assert_sound(db, redis_url)


async def test_a_hold_whose_seats_went_to_another_customer_is_not_paid(
    external_api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    held = await external_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    await forget_holds(redis_url, cinema.showtime_id)
    await db.execute(
        "insert into booked_seats (showtime_id, seat_id, block_reason) values ($1, $2, 'broken')",
        cinema.showtime_id,
        cinema.seat_ids[0],
    )

    refused = await pay(external_api, staff, held.json["id"])
    await end_hold(db, Sale(cinema, customer, held.json["id"], {}))
    too_late = await pay(external_api, staff, held.json["id"])

    assert (refused.status, refused.code) == (409, "seats_unavailable")
    assert too_late.code == "hold_expired"
    assert await db.fetchval("select count(*) from payments") == 0
    assert await db.fetchval("select count(*) from outbox where type = 'payment.succeeded'") == 0


async def test_a_payment_that_another_session_opens_meanwhile_is_counted(
    external_api: Api, db: Connection, redis_url: str
) -> None:
    """The statement has read no payment when the other session commits one: it fails, and runs again alone."""
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    held = await external_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    reservation_id = UUID(held.json["id"])
    async with db.transaction():
        await db.execute(
            "insert into payments "
            "(id, reservation_id, number, provider, status, amount, currency, succeeded_at, settled_at, check_at) "
            "values (gen_random_uuid(), $1, 1, 'external', 'succeeded', 5, 'USD', now(), now(), now())",
            reservation_id,
        )
        paying = asyncio.create_task(persistently(partial(pay, external_api, staff, held.json["id"])))
        blocked = "select count(*) from pg_locks where not granted"
        while not await db.fetchval(blocked):
            await asyncio.sleep(0.01)
    paid = await paying

    assert (paid.status, paid.json.get("amount")) == (201, "15.00"), paid.text
    await assert_sound(db, redis_url)


async def test_what_cannot_be_paid_says_why(external_api: Api) -> None:
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    free = await external_api.cinema(base_price="0.00")
    nothing = await external_api.hold(customer, free.showtime_id, free.seat_ids[:1])
    assert (await pay(external_api, staff, nothing.json["id"])).code == "nothing_to_pay"
    held = await external_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    await external_api.cancel(customer, held.json["id"])
    assert (await pay(external_api, staff, held.json["id"])).code == "reservation_cancelled"
    assert (await external_api.confirm(customer, nothing.json["id"])).status == 200
    assert (await pay(external_api, staff, nothing.json["id"])).code == "nothing_to_pay"
    unknown = "00000000-0000-7000-8000-000000000000"
    assert (await pay(external_api, staff, unknown)).status == 404


async def test_a_reservation_that_is_paid_again_after_its_confirm_gives_its_payment(external_api: Api) -> None:
    sale = await external_sale(external_api)
    again = await pay(external_api, await external_api.staff(), sale.reservation_id)
    assert (again.status, again.json) == (200, sale.payment)


async def test_staff_who_are_staff_no_more_may_not_say_that_it_was_paid(external_api: Api) -> None:
    cinema, staff, admin = await external_api.cinema(), await external_api.staff(), await external_api.admin()
    held = [
        (await external_api.hold(await external_api.sign_up(), cinema.showtime_id, [seat])).json["id"]
        for seat in cinema.seat_ids[:2]
    ]
    assert (await pay(external_api, staff, held[0])).status == 201
    await external_api.call("PUT", f"/admin/users/{staff.id}/role", {"role": "user"}, who=admin)
    assert (await pay(external_api, staff, held[1])).status == 403
