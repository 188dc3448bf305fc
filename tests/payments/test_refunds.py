"""Refunds: written in the transaction of the deed, and made by Stripe until it is done."""

from datetime import UTC, datetime, timedelta

import pytest

from reservation.booking import archive
from reservation.db.repository.audit import violations
from reservation.http.app_keys import DATABASE
from reservation.payments.checked import CheckedRefund
from reservation.payments.stripe_payments import StripePayments
from tests.api import Api, Connection
from tests.conftest import PATIENT, StartApi
from tests.faults.proxy import Proxy
from tests.figures import figures, growth
from tests.payments.sales import Sale, external_sale, open_sale, paid_sale, payments_of, refunds_of, status, work
from tests.payments.stripe_account import COMPLETED, StripeAccount, deliver
from tests.races.test_booking_races import assert_sound


async def exchange(api: Api, sale: Sale, showtime_id: int, seat_ids: list[int]) -> tuple[int, str | None]:
    body = {"seat_ids": seat_ids, "showtime_id": showtime_id}
    answer = await api.call("POST", f"/reservations/{sale.reservation_id}/exchange", body, who=sale.customer)
    return answer.status, answer.json.get("amount_due")


async def test_a_cancel_refunds_all_of_it(paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str) -> None:
    sale = await paid_sale(paid_api, stripe)
    assert (await paid_api.cancel(sale.customer, sale.reservation_id)).status == 200
    assert [each[:2] for each in await refunds_of(paid_api, sale)] == [("20.00", "cancelled")]
    await work(paid_api, db)
    assert await refunds_of(paid_api, sale) == [("20.00", "cancelled", "succeeded")]
    assert await stripe.refunds(sale.payment_id) == [2000]
    await assert_sound(db, redis_url)


async def test_payments_and_refunds_are_counted_also_those_that_failed(
    paid_api: Api, stripe: StripeAccount, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await figures(paid_api)
    made, refused = [await paid_sale(paid_api, stripe) for _ in range(2)]
    await paid_api.cancel(made.customer, made.reservation_id)
    await work(paid_api, db)

    async def fail(*_: object) -> CheckedRefund:
        return CheckedRefund("re_failed", "failed", "expired_or_canceled_card")

    monkeypatch.setattr(StripePayments, "refund", fail)  # localstripe refuses no refund in the end
    await paid_api.cancel(refused.customer, refused.reservation_id)
    await work(paid_api, db)

    grown = await growth(paid_api, before)
    assert grown['reservation_payments_succeeded_total{provider="stripe"}'] == 2
    assert grown["reservation_refunds_succeeded_total"] == 1
    assert grown["reservation_refunds_failed_total"] == 1
    assert await refunds_of(paid_api, refused) == [("20.00", "cancelled", "failed")]


async def test_a_cancel_of_some_seats_refunds_these_and_a_later_cancel_the_rest(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale = await paid_sale(paid_api, stripe, seats=3)
    path = f"/reservations/{sale.reservation_id}/cancel"
    await paid_api.call("POST", path, {"seat_ids": sale.cinema.seat_ids[:1]}, who=sale.customer)
    await work(paid_api, db)
    assert await stripe.refunds(sale.payment_id) == [1000]
    await assert_sound(db, redis_url)

    await paid_api.cancel(sale.customer, sale.reservation_id)
    await paid_api.cancel(sale.customer, sale.reservation_id)
    await work(paid_api, db)

    assert await refunds_of(paid_api, sale) == [
        ("10.00", "seats_cancelled", "succeeded"),
        ("20.00", "cancelled", "succeeded"),
    ]
    assert await stripe.refunds(sale.payment_id) == [1000, 2000]
    await assert_sound(db, redis_url)


async def test_an_exchange_for_cheaper_seats_refunds_the_difference_and_for_dearer_ones_is_refused(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale = await paid_sale(paid_api, stripe)
    cheap, dear = await paid_api.cinema(base_price="7.50"), await paid_api.cinema(base_price="12.25")

    assert await exchange(paid_api, sale, dear.showtime_id, dear.seat_ids[:2]) == (402, "4.50")
    assert await exchange(paid_api, sale, sale.cinema.showtime_id, sale.cinema.seat_ids[4:6]) == (200, None)
    assert await refunds_of(paid_api, sale) == []
    assert await exchange(paid_api, sale, cheap.showtime_id, cheap.seat_ids[:2]) == (200, None)
    await work(paid_api, db)

    assert await refunds_of(paid_api, sale) == [("5.00", "exchanged", "succeeded")]
    assert await stripe.refunds(sale.payment_id) == [500]
    await assert_sound(db, redis_url)


async def test_a_reservation_from_before_payments_is_exchanged_for_what_it_cost(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    before = await start_api(**PATIENT)
    cinema, dear, customer = await before.cinema(), await before.cinema(base_price="12.00"), await before.sign_up()
    held = await before.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    await before.confirm(customer, held.json["id"])
    sale = Sale(cinema, customer, held.json["id"], {})
    api = await start_api(**PATIENT, PAYMENT_PROVIDER="external")

    assert await exchange(api, sale, dear.showtime_id, dear.seat_ids[:1]) == (402, "2.00")
    assert await exchange(api, sale, cinema.showtime_id, cinema.seat_ids[1:2]) == (200, None)
    assert (await api.cancel(customer, sale.reservation_id)).status == 200
    assert await refunds_of(api, sale) == []
    await assert_sound(db, redis_url)


async def test_a_showtime_that_is_called_off_refunds_everybody(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale = await paid_sale(paid_api, stripe)
    others = [await open_sale(paid_api, cinema=sale.cinema, first_seat=number) for number in (10, 20)]
    await stripe.pay(others[0].payment["checkout_url"])
    await deliver(paid_api, await stripe.event(COMPLETED, others[0].payment_id))
    path = f"/admin/showtimes/{sale.cinema.showtime_id}/cancel"
    called_off = await paid_api.call("POST", path, {"reason": "Flooded."}, who=await paid_api.admin())
    assert called_off.json["cancelled_reservations"] == 3
    await work(paid_api, db)

    assert [await refunds_of(paid_api, each) for each in (sale, *others)] == [
        [("20.00", "showtime_cancelled", "succeeded")],
        [("20.00", "showtime_cancelled", "succeeded")],
        [],
    ]
    assert await stripe.refunds(others[0].payment_id) == [2000]
    await assert_sound(db, redis_url)


async def test_external_refunds_are_told_and_left_to_who_took_the_money(
    external_api: Api, db: Connection, redis_url: str
) -> None:
    sale = await external_sale(external_api, seats=2)
    path = f"/reservations/{sale.reservation_id}/cancel"
    await external_api.call("POST", path, {"seat_ids": sale.cinema.seat_ids[:1]}, who=sale.customer)
    assert await refunds_of(external_api, sale) == [("10.00", "seats_cancelled", "succeeded")]
    await assert_sound(db, redis_url)


async def test_what_was_paid_at_the_box_office_and_at_stripe_is_refunded_by_stripe(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale = await open_sale(paid_api)
    path = f"/reservations/{sale.reservation_id}/pay"
    cash = await paid_api.call("POST", path, {"provider": "external"}, who=await paid_api.staff())
    assert (cash.status, cash.json["amount"]) == (201, "20.00")
    await stripe.pay(sale.payment["checkout_url"])
    assert (await deliver(paid_api, await stripe.event(COMPLETED, sale.payment_id))).status == 204
    await work(paid_api, db)

    assert await status(paid_api, sale) == "confirmed"
    assert [(each["provider"], each["refunded"]) for each in await payments_of(paid_api, sale)] == [
        ("stripe", "20.00"),
        ("external", "0.00"),
    ]
    assert await stripe.refunds(sale.payment_id) == [2000]
    await assert_sound(db, redis_url)


async def test_refunds_wait_for_a_provider_that_is_away_and_are_made_once(
    start_api: StartApi, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    async with Proxy(stripe.url) as proxy:
        api = await start_api(**PATIENT | stripe.settings | {"STRIPE_API_BASE": proxy.url.replace("//@", "//")})
        sale = await paid_sale(api, stripe)
        proxy.lose_answers = True  # Stripe makes the refund, and its answer is lost
        assert (await api.cancel(sale.customer, sale.reservation_id)).status == 200
        await work(api, db)
        assert await refunds_of(api, sale) == [("20.00", "cancelled", "pending")]
        assert await stripe.refunds(sale.payment_id) == [2000]

        await proxy.cut()
        await work(api, db)
        assert await refunds_of(api, sale) == [("20.00", "cancelled", "pending")]
        assert await db.fetchval("select last_error is not null and next_attempt_at > now() from refunds")

        proxy.lose_answers = False
        await proxy.open()
        await work(api, db)

    assert await refunds_of(api, sale) == [("20.00", "cancelled", "succeeded")]
    assert await stripe.refunds(sale.payment_id) == [2000]
    await assert_sound(db, redis_url)


async def test_pay_while_the_provider_is_away_is_503_and_can_be_repeated(
    start_api: StartApi, stripe: StripeAccount, db: Connection
) -> None:
    async with Proxy(stripe.url) as proxy:
        api = await start_api(**PATIENT | stripe.settings | {"STRIPE_API_BASE": proxy.url.replace("//@", "//")})
        cinema, customer = await api.cinema(), await api.sign_up()
        held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        path = f"/reservations/{held.json['id']}/pay"
        await proxy.cut()
        away = await api.call("POST", path, who=customer)
        assert (away.status, away.code) == (503, "payment_provider_unavailable")
        await proxy.open()
        proxy.lose_answers = True
        assert (await api.call("POST", path, who=customer)).status == 503
        proxy.lose_answers = False
        opened = await api.call("POST", path, who=customer)

    assert opened.status == 201
    assert await db.fetchval("select count(*) from payments") == 1


async def test_refunds_go_on_after_the_service_has_ceased_to_take_payments(
    paid_api: Api, start_api: StartApi, stripe: StripeAccount, db: Connection, redis_url: str
) -> None:
    sale = await paid_sale(paid_api, stripe)
    await paid_api.client.close()
    api = await start_api(**PATIENT | stripe.settings | {"PAYMENT_PROVIDER": "none"})
    assert (await api.cancel(sale.customer, sale.reservation_id)).status == 200
    await work(api, db)
    assert await refunds_of(api, sale) == [("20.00", "cancelled", "succeeded")]
    assert await stripe.refunds(sale.payment_id) == [2000]
    await assert_sound(db, redis_url)


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("update payments set amount = 25", "payments_without_sale"),
        ("update payments set amount = 15", "sales_without_payment"),
        ("update payments set refunded = 1", "wrong_refunds"),
        ("update reservations set status = 'cancelled', cancelled_at = now()", "payments_without_sale"),
        ("delete from payments", "sales_without_payment"),
        ("update payments set showtime_id = showtime_id + 1", "payments_of_other_showtimes"),
        ("update payments set showtime_id = null", "payments_of_other_showtimes"),
        (
            "insert into refunds (payment_id, showtime_id, amount, reason)"
            " select id, showtime_id + 1, 1, 'overpaid' from payments",
            "payments_of_other_showtimes",
        ),
    ],
)
async def test_the_audit_finds_payments_and_sales_that_do_not_match(
    external_api: Api, db: Connection, damage: str, rule: str
) -> None:
    await external_sale(external_api)
    await work(external_api, db)
    await db.execute(damage)
    assert len(await violations(db, rule=f"audit/{rule}", row_limit=5)) == 1


async def test_the_payments_of_an_archived_reservation_are_shown_and_sound(
    paid_api: Api, stripe: StripeAccount, db: Connection
) -> None:
    sale = await paid_sale(paid_api, stripe)
    await db.execute(
        "update showtimes set starts_at = starts_at - interval '30 days', ends_at = ends_at - interval '30 days',"
        " free_at = free_at - interval '30 days'"
    )
    await db.execute("update reservations set created_at = created_at - interval '30 days'")
    database = paid_api.client.server.app[DATABASE]  # type: ignore[attr-defined]
    done = await archive.archive(database, before=datetime.now(UTC) - timedelta(days=7), advance=lambda _: None)
    assert done.reservations == 1
    assert await status(paid_api, sale) == "confirmed"
    assert [each["status"] for each in await payments_of(paid_api, sale)] == ["succeeded"]
    await work(paid_api, db)
    assert await refunds_of(paid_api, sale) == []
    rule = "audit/payments_of_other_showtimes"
    assert await violations(db, rule=rule, row_limit=5) == []
    await db.execute("update payments set showtime_id = showtime_id + 1")
    assert len(await violations(db, rule=rule, row_limit=5)) == 1
    assert await db.fetchval("select payment_required from archived_reservations")
