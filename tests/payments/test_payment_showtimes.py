"""Payments and refunds have the showtime of their reservation."""

import pytest

from tests.api import Api, Connection, slot
from tests.booking.test_reservation_ids import change, held, ids_of_before  # noqa: F401 - a fixture
from tests.payments.sales import pay

INSERTED = "select showtime_id from payments where id = $1"


@pytest.mark.usefixtures("ids_of_before")
async def test_a_hold_of_the_version_before_is_paid_and_refunded(external_api: Api, db: Connection) -> None:
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    reservation = await held(external_api, customer, cinema)

    paid = [await pay(external_api, staff, reservation["id"]) for _ in range(2)]
    assert [(each.status, each.json["amount"]) for each in paid] == [(201, "30.00"), (200, "30.00")]
    await change(external_api, customer, reservation["id"], "cancel", cinema.seat_ids[:1])
    assert (await external_api.cancel(customer, reservation["id"])).status == 200

    assert [row[0] for row in await db.fetch("select amount::text from refunds order by created_at")] == [
        "10.00",
        "20.00",
    ]
    assert await db.fetchval("select array_agg(distinct showtime_id) from payments") == [cinema.showtime_id]
    assert await db.fetchval("select array_agg(distinct showtime_id) from refunds") == [cinema.showtime_id]


async def test_the_payments_of_an_exchanged_reservation_follow_it(external_api: Api, db: Connection) -> None:
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    other = await external_api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    reservation = await held(external_api, customer, cinema)
    assert (await pay(external_api, staff, reservation["id"])).status == 201
    await change(external_api, customer, reservation["id"], "cancel", cinema.seat_ids[:1])

    await change(external_api, customer, reservation["id"], "exchange", cinema.seat_ids[5:6], showtime_id=other)
    assert (await external_api.cancel(customer, reservation["id"])).status == 200

    assert await db.fetchval("select array_agg(distinct showtime_id) from payments") == [other]
    refunds = await db.fetch("select amount::text, showtime_id from refunds order by created_at")
    assert [tuple(row) for row in refunds] == [("10.00", other)] * 3


async def test_what_the_version_before_inserts_gets_the_showtime_of_the_reservation(
    external_api: Api, db: Connection
) -> None:
    cinema, customer = await external_api.cinema(), await external_api.sign_up()
    other = await external_api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    reservation = await held(external_api, customer, cinema)

    payment_id = await db.fetchval(
        """
        insert into payments (id, reservation_id, number, provider, status, amount, currency, succeeded_at, check_at)
        values (gen_random_uuid(), $1, 1, 'stripe', 'succeeded', 30, 'USD', now(), now()) returning id
        """,
        reservation["id"],
    )
    await db.execute("insert into refunds (payment_id, amount, reason) values ($1, 1, 'overpaid')", payment_id)
    found = "select p.showtime_id, f.showtime_id from payments as p inner join refunds as f on p.id = f.payment_id"
    assert tuple(await db.fetchrow(found) or ()) == (cinema.showtime_id,) * 2

    await db.execute("update reservations set showtime_id = $1", other)  # as its exchange does
    assert tuple(await db.fetchrow(found) or ()) == (other, other)
