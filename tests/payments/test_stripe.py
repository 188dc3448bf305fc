"""A reservation is paid at Stripe: the webhook confirms it, in whatever order things come, or the money is refunded."""

import asyncio
import time
from functools import partial

import pytest
from redis.asyncio import Redis

from reservation.http.handlers.payments import MAX_EVENT_BYTES
from tests.api import Api, Connection
from tests.conftest import PATIENT, StartApi
from tests.faults.proxy import Proxy
from tests.payments.sales import (
    end_hold,
    open_sale,
    pay,
    payments_of,
    persistently,
    refunds_of,
    status,
    work,
)
from tests.payments.stripe_account import COMPLETED, EXPIRED, PAYMENT_FAILED, WEBHOOK, StripeAccount, deliver
from tests.races.test_booking_races import assert_sound


async def forget_holds(redis_url: str, showtime_id: int) -> None:
    """Let Redis lose a showtime's holds, as their expiry would."""
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        keys = [key async for key in redis.scan_iter(match=f"{{{showtime_id}}}:*")]
        await redis.delete(*keys)


async def test_paying_gives_a_page_and_the_event_of_its_payment_confirms(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale = await open_sale(paid_api)
    assert sale.payment | {"payment_id": "", "checkout_url": ""} == {
        "payment_id": "",
        "provider": "stripe",
        "status": "pending",
        "amount": "20.00",
        "currency": "USD",
        "checkout_url": "",
    }
    unpaid = await paid_api.confirm(sale.customer, sale.reservation_id)
    assert (unpaid.status, unpaid.code, unpaid.json["amount_due"]) == (402, "payment_required", "20.00")

    await stripe.pay(sale.payment["checkout_url"])
    told = await deliver(paid_api, await stripe.event(COMPLETED, sale.payment_id))

    assert told.status == 204, told.text
    assert await status(paid_api, sale) == "confirmed"
    [payment] = await payments_of(paid_api, sale)
    assert (payment["status"], payment["refunded"], payment["checkout_url"]) == ("succeeded", "0.00", None)
    assert (await paid_api.confirm(sale.customer, sale.reservation_id)).status == 200
    await assert_sound(db, redis_url)


async def test_the_hold_lives_as_long_as_it_can_while_it_is_paid(
    start_api: StartApi, stripe: StripeAccount, db: Connection
) -> None:
    api = await start_api(**PATIENT | stripe.settings, HOLD_TTL_SECONDS="60", HOLD_MAX_SECONDS="600")
    sale = await open_sale(api)
    lives = await db.fetchval("select expires_at - created_at from reservations where id = $1", sale.reservation_id)
    assert 590 < lives.total_seconds() <= 600


async def test_paying_again_gives_the_same_page_and_after_the_payment_the_payment(
    paid_api: Api, stripe: StripeAccount
) -> None:
    sale = await open_sale(paid_api)
    again = await asyncio.gather(
        *(persistently(partial(pay, paid_api, sale.customer, sale.reservation_id)) for _ in range(4))
    )
    assert [each.json for each in again] == [sale.payment] * 4

    await stripe.pay(sale.payment["checkout_url"])
    await deliver(paid_api, await stripe.event(COMPLETED, sale.payment_id))
    paid = await pay(paid_api, sale.customer, sale.reservation_id)

    assert (paid.status, paid.json["payment_id"], paid.json["status"]) == (200, sale.payment_id, "succeeded")
    assert paid.json["checkout_url"] is None


async def test_the_page_is_given_again_while_redis_is_away_and_no_first_one(
    start_api: StartApi, stripe: StripeAccount, redis_url: str
) -> None:
    async with Proxy(redis_url) as proxy:
        api = await start_api(**PATIENT, **stripe.settings, REDIS_URL=proxy.url)
        sale = await open_sale(api)
        cinema, other = await api.cinema(), await api.sign_up()
        held = await api.hold(other, cinema.showtime_id, cinema.seat_ids[:1])
        await proxy.cut()

        again = await pay(api, sale.customer, sale.reservation_id)
        first = await pay(api, other, held.json["id"])

        assert (again.status, again.json) == (200, sale.payment)
        assert (first.status, first.code) == (503, "holds_unavailable")


async def test_seats_added_while_the_page_is_open_give_a_page_for_the_whole_amount(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale = await open_sale(paid_api)
    path = f"/reservations/{sale.reservation_id}/seats"
    added = await paid_api.call("POST", path, {"seat_ids": sale.cinema.seat_ids[2:3]}, who=sale.customer)
    assert added.status == 200, added.text

    anew = await pay(paid_api, sale.customer, sale.reservation_id)
    assert (anew.json["amount"], anew.json["payment_id"] == sale.payment_id) == ("30.00", False)

    # The customer pays on both pages, which are open in two windows.
    await stripe.pay(sale.payment["checkout_url"])
    await stripe.pay(anew.json["checkout_url"])
    for payment_id in (sale.payment_id, anew.json["payment_id"]):
        assert (await deliver(paid_api, await stripe.event(COMPLETED, payment_id))).status == 204
    await work(paid_api, db)

    assert await status(paid_api, sale) == "confirmed"
    assert await refunds_of(paid_api, sale) == [("20.00", "overpaid", "succeeded")]
    assert await stripe.refunds(anew.json["payment_id"]) == [2000]
    await assert_sound(db, redis_url)


async def test_a_page_of_another_amount_is_closed(paid_api: Api, stripe: StripeAccount, db: Connection) -> None:
    sale = await open_sale(paid_api)
    path = f"/reservations/{sale.reservation_id}/seats/{sale.cinema.seat_ids[0]}"
    await paid_api.call("DELETE", path, who=sale.customer)
    anew = await pay(paid_api, sale.customer, sale.reservation_id)
    await work(paid_api, db)

    assert await stripe.event(EXPIRED, sale.payment_id)
    assert [(each["amount"], each["status"]) for each in await payments_of(paid_api, sale)] == [
        ("20.00", "cancelled"),
        ("10.00", "pending"),
    ]
    assert anew.json["amount"] == "10.00"


async def test_an_event_that_comes_twice_or_many_times_at_once_is_carried_out_once(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale = await open_sale(paid_api)
    await stripe.pay(sale.payment["checkout_url"])
    event = await stripe.event(COMPLETED, sale.payment_id)

    told = await asyncio.gather(*(persistently(partial(deliver, paid_api, event)) for _ in range(4)))
    told.append(await deliver(paid_api, event))
    await work(paid_api, db)

    assert {each.status for each in told} == {204}
    assert await status(paid_api, sale) == "confirmed"
    assert await refunds_of(paid_api, sale) == []
    assert await db.fetchval("select count(*) from payment_events") == 1
    await assert_sound(db, redis_url)


async def test_an_event_before_the_answer_to_pay_confirms(paid_api: Api, stripe: StripeAccount, db: Connection) -> None:
    """The worker is slow, or was killed, between Stripe's answer and its own: it does not know the page yet."""
    sale = await open_sale(paid_api)
    await db.execute("update payments set reference = null, checkout_url = null")
    await stripe.pay(sale.payment["checkout_url"])

    assert (await deliver(paid_api, await stripe.event(COMPLETED, sale.payment_id))).status == 204

    assert await status(paid_api, sale) == "confirmed"
    assert (await pay(paid_api, sale.customer, sale.reservation_id)).json["status"] == "succeeded"


async def test_a_page_that_was_made_before_its_answer_was_lost_is_found_again(paid_api: Api, db: Connection) -> None:
    sale = await open_sale(paid_api)
    await db.execute("update payments set reference = null, checkout_url = null")
    opened = int(time.time())
    while int(time.time()) == opened:  # what depends on the second of the request is another then
        await asyncio.sleep(0.05)
    again = await pay(paid_api, sale.customer, sale.reservation_id)
    assert again.json == sale.payment


async def test_events_out_of_order_leave_a_payment_that_was_made(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale = await open_sale(paid_api)
    await stripe.pay(sale.payment["checkout_url"])
    completed = await stripe.event(COMPLETED, sale.payment_id)
    session = completed["data"]["object"] | {"status": "expired", "payment_status": "unpaid", "payment_intent": None}
    expired = completed | {"id": "evt_expired", "type": EXPIRED, "data": {"object": session}}

    assert [(await deliver(paid_api, event)).status for event in (expired, completed, expired)] == [204] * 3
    await work(paid_api, db)

    assert await status(paid_api, sale) == "confirmed"
    assert [each["status"] for each in await payments_of(paid_api, sale)] == ["succeeded"]
    await assert_sound(db, redis_url)


async def test_a_page_whose_time_is_over_fails_the_payment_and_another_can_be_made(
    paid_api: Api, stripe: StripeAccount, db: Connection
) -> None:
    sale = await open_sale(paid_api)
    await db.execute("update payments set check_at = now()")
    async with stripe.session.post(
        f"{stripe.url}/v1/checkout/sessions/{await db.fetchval('select reference from payments')}/expire",
        headers={"Authorization": "Bearer sk_test_x"},
    ) as response:
        assert response.status == 200
    assert (await deliver(paid_api, await stripe.event(EXPIRED, sale.payment_id))).status == 204

    anew = await pay(paid_api, sale.customer, sale.reservation_id)

    assert [each["status"] for each in await payments_of(paid_api, sale)] == ["failed", "pending"]
    assert anew.json["checkout_url"] != sale.payment["checkout_url"]


@pytest.mark.parametrize("is_told", [True, False], ids=["by its event", "by the job"])
async def test_a_debit_that_the_bank_refuses_fails_the_payment_and_another_can_be_made(
    paid_api: Api, stripe: StripeAccount, db: Connection, is_told: bool
) -> None:
    sale = await open_sale(paid_api)
    await stripe.pay(sale.payment["checkout_url"], "debit")
    await deliver(paid_api, await stripe.event(COMPLETED, sale.payment_id))
    await work(paid_api, db)
    assert [each["status"] for each in await payments_of(paid_api, sale)] == ["pending"]

    await stripe.pay(sale.payment["checkout_url"], "refused_debit")
    if is_told:
        assert (await deliver(paid_api, await stripe.event(PAYMENT_FAILED, sale.payment_id))).status == 204
    else:
        await work(paid_api, db)
    assert await db.fetchval("select count(*) from payments where settled_at is null") == 0
    anew = await pay(paid_api, sale.customer, sale.reservation_id)

    assert [each["status"] for each in await payments_of(paid_api, sale)] == ["failed", "pending"]
    assert anew.json["checkout_url"] != sale.payment["checkout_url"]


async def test_a_payment_after_the_hold_has_expired_confirms_late_if_the_seats_are_free(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale = await open_sale(paid_api)
    await end_hold(db, sale)
    await forget_holds(redis_url, sale.cinema.showtime_id)
    await stripe.pay(sale.payment["checkout_url"])

    assert (await deliver(paid_api, await stripe.event(COMPLETED, sale.payment_id))).status == 204

    found = await paid_api.call("GET", f"/reservations/{sale.reservation_id}", who=sale.customer)
    assert (found.json["status"], found.json["late"]) == ("confirmed", True)
    assert await refunds_of(paid_api, sale) == []
    await assert_sound(db, redis_url)


async def test_a_payment_after_the_seats_went_to_another_customer_is_refunded(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale = await open_sale(paid_api)
    await end_hold(db, sale)
    await forget_holds(redis_url, sale.cinema.showtime_id)
    other = await paid_api.sign_up()
    taken = await paid_api.hold(other, sale.cinema.showtime_id, sale.cinema.seat_ids[:1])
    assert taken.status == 201, taken.text
    await stripe.pay(sale.payment["checkout_url"])

    assert (await deliver(paid_api, await stripe.event(COMPLETED, sale.payment_id))).status == 204
    assert await status(paid_api, sale) == "expired"
    [(amount, reason, _)] = await refunds_of(paid_api, sale)
    assert (amount, reason) == ("20.00", "not_available")
    await work(paid_api, db)

    assert await refunds_of(paid_api, sale) == [("20.00", "not_available", "succeeded")]
    assert await stripe.refunds(sale.payment_id) == [2000]
    await assert_sound(db, redis_url)


async def test_a_payment_after_the_showtime_was_cancelled_is_refunded(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale = await open_sale(paid_api)
    path = f"/admin/showtimes/{sale.cinema.showtime_id}/cancel"
    await paid_api.call("POST", path, {"reason": "Flooded."}, who=await paid_api.admin())
    await stripe.pay(sale.payment["checkout_url"])

    assert (await deliver(paid_api, await stripe.event(COMPLETED, sale.payment_id))).status == 204
    await work(paid_api, db)

    assert await status(paid_api, sale) == "cancelled"
    assert await refunds_of(paid_api, sale) == [("20.00", "not_available", "succeeded")]
    assert await stripe.refunds(sale.payment_id) == [2000]
    await assert_sound(db, redis_url)


async def test_the_page_of_a_hold_that_has_ended_is_closed(
    paid_api: Api, stripe: StripeAccount, db: Connection
) -> None:
    sale = await open_sale(paid_api)
    await paid_api.cancel(sale.customer, sale.reservation_id)
    await work(paid_api, db)
    assert [each["status"] for each in await payments_of(paid_api, sale)] == ["cancelled"]
    assert await stripe.event(EXPIRED, sale.payment_id)


async def test_the_job_asks_about_a_payment_whose_event_never_came(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale, unpaid = await open_sale(paid_api), await open_sale(paid_api)
    await stripe.pay(sale.payment["checkout_url"])

    await work(paid_api, db)

    assert (await status(paid_api, sale), await status(paid_api, unpaid)) == ("confirmed", "held")
    assert [each["status"] for each in await payments_of(paid_api, unpaid)] == ["pending"]
    await assert_sound(db, redis_url)


async def test_the_job_finishes_what_a_killed_worker_has_left_after_the_payment_was_recorded(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    """Killed between the two transactions of the webhook: the event is recorded, and Stripe does not send it again."""
    sale = await open_sale(paid_api)
    await stripe.pay(sale.payment["checkout_url"])
    reference = await db.fetchval("select reference from payments")
    event = await stripe.event(COMPLETED, sale.payment_id)
    await db.execute("insert into payment_events (id, type) values ($1, $2)", event["id"], COMPLETED)
    await db.execute(
        "update payments set status = 'succeeded', succeeded_at = now(), charge_reference = $2 where reference = $1",
        reference,
        event["data"]["object"]["payment_intent"],
    )

    await work(paid_api, db)

    assert await status(paid_api, sale) == "confirmed"
    await assert_sound(db, redis_url)


async def test_an_event_while_postgresql_is_away_is_503_and_carried_out_when_stripe_sends_it_again(
    start_api: StartApi, stripe: StripeAccount, database_url: str, db: Connection, redis_url: str
) -> None:
    async with Proxy(database_url) as proxy:
        api = await start_api(**PATIENT | stripe.settings | {"DATABASE_URL": proxy.url})
        sale = await open_sale(api)
        await stripe.pay(sale.payment["checkout_url"])
        event = await stripe.event(COMPLETED, sale.payment_id)
        await proxy.cut()
        assert (await deliver(api, event)).code == "database_unavailable"
        await proxy.open()
        while (told := await deliver(api, event)).status == 503:
            await asyncio.sleep(0.05)
        assert told.status == 204
        assert await status(api, sale) == "confirmed"
    await assert_sound(db, redis_url)


async def test_an_event_with_a_wrong_missing_or_old_signature_is_refused(paid_api: Api, stripe: StripeAccount) -> None:
    sale = await open_sale(paid_api)
    await stripe.pay(sale.payment["checkout_url"])
    event = await stripe.event(COMPLETED, sale.payment_id)

    forged = await deliver(paid_api, event, secret="whsec_of_another")
    old = await deliver(paid_api, event, age_s=3600)
    unsigned = await paid_api.call("POST", WEBHOOK, event)

    assert {(each.status, each.code) for each in (forged, old, unsigned)} == {(400, "invalid_signature")}
    assert await status(paid_api, sale) == "held"


async def test_the_signature_of_an_event_is_checked_before_its_json(paid_api: Api, api: Api) -> None:
    """Everyone can send a body, so it costs no more than its signature; without Stripe, not even that."""
    headers = {"Content-Type": "application/json"}
    for body in (b"{", b'{"id":"evt_1"}', b"[" + b"[]," * 50_000 + b"[]]"):
        refused = await paid_api.call("POST", WEBHOOK, data=body, headers=headers)
        assert (refused.status, refused.code) == (400, "invalid_signature")
        missing = await api.call("POST", WEBHOOK, data=body, headers=headers)
        assert (missing.status, missing.code) == (404, "not_found")
    large = await paid_api.call("POST", WEBHOOK, data=b"{" + b" " * MAX_EVENT_BYTES, headers=headers)
    assert (large.status, large.code) == (413, "payload_too_large")


async def test_a_signed_event_may_be_larger_than_other_bodies_and_has_the_members_of_an_event(paid_api: Api) -> None:
    event = {"id": "evt_1", "object": "event", "type": "charge.updated", "data": {"object": {"object": "charge"}}}
    assert (await deliver(paid_api, event | {"padding": "x" * 200_000})).status == 204
    no_event = await deliver(paid_api, {"id": "evt_1"})
    assert (no_event.status, no_event.code) == (422, "validation_error")


async def test_events_of_other_programs_with_the_same_account_are_let_pass(
    paid_api: Api, stripe: StripeAccount, db: Connection
) -> None:
    sale = await open_sale(paid_api)
    await stripe.pay(sale.payment["checkout_url"])
    event = await stripe.event(COMPLETED, sale.payment_id)
    other = event | {"data": {"object": event["data"]["object"] | {"metadata": {"payment_id": "order 7"}}}}

    [intent] = [
        each
        for each in await stripe.listed("events", type="payment_intent.succeeded")
        if each["data"]["object"]["metadata"]["payment_id"] == sale.payment_id
    ]
    assert [(await deliver(paid_api, each)).status for each in (other, intent)] == [204, 204]
    assert await db.fetchval("select count(*) from payment_events") == 0
    assert await status(paid_api, sale) == "held"


async def test_a_reservation_that_costs_nothing_is_confirmed_without_a_payment(
    paid_api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer = await paid_api.cinema(base_price="0.00"), await paid_api.sign_up()
    held = await paid_api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    refused = await pay(paid_api, customer, held.json["id"])
    assert (refused.status, refused.code) == (409, "nothing_to_pay")
    assert (await paid_api.confirm(customer, held.json["id"])).status == 200
    await assert_sound(db, redis_url)


async def test_what_cannot_be_paid_says_why(paid_api: Api, db: Connection) -> None:
    sale = await open_sale(paid_api)
    other = await paid_api.sign_up()
    assert (await pay(paid_api, other, sale.reservation_id)).status == 404
    await end_hold(db, sale)
    assert (await pay(paid_api, sale.customer, sale.reservation_id)).code == "hold_expired"
    cancelled = await open_sale(paid_api)
    await paid_api.cancel(cancelled.customer, cancelled.reservation_id)
    assert (await pay(paid_api, cancelled.customer, cancelled.reservation_id)).code == "reservation_cancelled"


async def test_without_a_provider_nothing_is_to_pay_and_confirm_is_enough(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    assert (await pay(api, customer, held.json["id"])).code == "nothing_to_pay"
    assert (await api.call("POST", WEBHOOK, {"id": "evt_1", "type": COMPLETED})).status == 404
    assert (await api.confirm(customer, held.json["id"])).status == 200


async def test_config_names_the_provider(paid_api: Api, external_api: Api) -> None:
    assert (await paid_api.call("GET", "/config")).json["payment_provider"] == "stripe"
    assert (await external_api.call("GET", "/config")).json["payment_provider"] == "external"


async def test_stripe_itself_sends_the_event_that_confirms(
    paid_api: Api, stripe: StripeAccount, db: Connection
) -> None:
    url = str(paid_api.client.make_url(WEBHOOK))
    await stripe.send_webhooks_to(url, COMPLETED)
    sale = await open_sale(paid_api)
    await stripe.pay(sale.payment["checkout_url"])
    while await status(paid_api, sale) != "confirmed":
        await asyncio.sleep(0.05)
    await stripe.send_webhooks_to(url)
    assert await db.fetchval("select count(*) from payment_events") == 1
