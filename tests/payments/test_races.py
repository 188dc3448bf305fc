"""A payment arrives while its reservation is confirmed, cancelled or called off: it is sold and paid, or refunded."""

import asyncio
from functools import partial
from uuid import UUID

import pytest

from reservation.db.repository import payments, refunds
from tests.api import Api, Connection
from tests.payments.sales import Sale, open_sale, pay, persistently, refunds_of, status, work
from tests.payments.stripe_account import COMPLETED, StripeAccount, deliver
from tests.races.test_booking_races import assert_sound

SALES = 6


async def paid_and_untold(api: Api, stripe: StripeAccount) -> list[tuple[Sale, dict[str, object]]]:
    """Holds of one showtime that were paid, and the events that the service has not got yet."""
    cinema, found = await api.cinema(), []
    for number in range(SALES):
        sale = await open_sale(api, cinema=cinema, first_seat=2 * number)
        await stripe.pay(sale.payment["checkout_url"])
        found.append((sale, await stripe.event(COMPLETED, sale.payment_id)))
    return found


async def assert_sold_or_refunded(
    api: Api, stripe: StripeAccount, db: Connection, redis_url: str, sales: list[Sale]
) -> None:
    """Each is confirmed and paid, or is not and all its money is back, once."""
    await work(api, db)
    for sale in sales:
        is_sold = await status(api, sale) == "confirmed"
        assert await stripe.refunds(sale.payment_id) == ([] if is_sold else [2000])
        assert [each[0] for each in await refunds_of(api, sale)] == ([] if is_sold else ["20.00"])
    assert await db.fetchval("select count(*) from payments where settled_at is null") == 0
    await assert_sound(db, redis_url)


async def test_a_confirm_and_the_event_at_once_sell_it_once(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    found = await paid_and_untold(paid_api, stripe)
    told = await asyncio.gather(
        *(persistently(partial(deliver, paid_api, event)) for _, event in found for _ in range(2)),
        *(persistently(partial(paid_api.confirm, sale.customer, sale.reservation_id)) for sale, _ in found),
    )
    assert {each.status for each in told} <= {200, 204, 402}
    assert {await status(paid_api, sale) for sale, _ in found} == {"confirmed"}
    await assert_sold_or_refunded(paid_api, stripe, db, redis_url, [sale for sale, _ in found])


async def test_a_cancel_and_the_event_at_once_refund_it_once(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    found = await paid_and_untold(paid_api, stripe)
    told = await asyncio.gather(
        *(persistently(partial(deliver, paid_api, event)) for _, event in found),
        *(persistently(partial(paid_api.cancel, sale.customer, sale.reservation_id)) for sale, _ in found),
    )
    assert {each.status for each in told} <= {200, 204}
    await assert_sold_or_refunded(paid_api, stripe, db, redis_url, [sale for sale, _ in found])
    assert {await status(paid_api, sale) for sale, _ in found} == {"cancelled"}


async def test_a_showtime_called_off_while_the_events_arrive_refunds_everybody_once(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    found = await paid_and_untold(paid_api, stripe)
    path = f"/admin/showtimes/{found[0][0].cinema.showtime_id}/cancel"
    admin = await paid_api.admin()
    called_off, *told = await asyncio.gather(
        persistently(partial(paid_api.call, "POST", path, {"reason": "Flooded."}, who=admin)),
        *(persistently(partial(deliver, paid_api, event)) for _, event in found),
    )
    assert called_off.status == 200, called_off.text
    assert {each.status for each in told} == {204}
    await assert_sold_or_refunded(paid_api, stripe, db, redis_url, [sale for sale, _ in found])
    assert {await status(paid_api, sale) for sale, _ in found} == {"cancelled"}


async def test_a_second_payment_that_succeeds_while_the_first_is_settled_is_refunded(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sale = await open_sale(paid_api)
    path = f"/reservations/{sale.reservation_id}/seats"
    await paid_api.call("POST", path, {"seat_ids": sale.cinema.seat_ids[2:3]}, who=sale.customer)
    anew = await pay(paid_api, sale.customer, sale.reservation_id)
    for page in (sale.payment, anew.json):
        await stripe.pay(page["checkout_url"])
    session = (await stripe.event(COMPLETED, sale.payment_id))["data"]["object"]
    steps = []

    def then_the_other_succeeds(module: object, name: str) -> None:
        step = getattr(module, name)

        async def run(conn: Connection, **rest: object) -> None:
            await step(conn, **rest)
            steps.append(name)
            if len(steps) == 1:  # of two: the first payment is recorded between them
                await payments.mark_succeeded(
                    db,
                    payment_id=UUID(sale.payment_id),
                    reference=session["id"],
                    charge_reference=session["payment_intent"],
                )

        monkeypatch.setattr(module, name, run)

    then_the_other_succeeds(payments, "settle_reservation")
    then_the_other_succeeds(refunds, "refund_surplus")
    told = await deliver(paid_api, await stripe.event(COMPLETED, anew.json["payment_id"]))
    assert (told.status, len(steps)) == (204, 2)
    await work(paid_api, db)

    assert await status(paid_api, sale) == "confirmed"
    assert await refunds_of(paid_api, sale) == [("20.00", "overpaid", "succeeded")]
    assert await db.fetchval("select count(*) from payments where settled_at is null") == 0
    await assert_sound(db, redis_url)


@pytest.mark.parametrize("what", ["cancel", "confirm"])
async def test_an_external_payment_at_once_with_a_cancel_or_confirm_is_sound(
    external_api: Api, db: Connection, redis_url: str, what: str
) -> None:
    cinema, customer, staff = await external_api.cinema(), await external_api.sign_up(), await external_api.staff()
    held = [
        (await external_api.hold(customer, cinema.showtime_id, [seat])).json["id"] for seat in cinema.seat_ids[:SALES]
    ]
    change = getattr(external_api, what)
    answers = await asyncio.gather(
        *(persistently(partial(pay, external_api, staff, each)) for each in held),
        *(persistently(partial(change, customer, each)) for each in held),
    )
    assert {each.status for each in answers} <= {200, 201, 402, 409}
    await work(external_api, db)
    rows = await db.fetch("select status, count(*) from reservations group by status")
    assert {row["status"] for row in rows} <= {"confirmed", "cancelled"}
    assert await db.fetchval("select count(*) from payments where settled_at is null") == 0
    await assert_sound(db, redis_url)
