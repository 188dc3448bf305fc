"""What mails say of money that is paid back."""

from pathlib import Path

from tests.api import Api, Connection
from tests.mailbox import last_to, mails_to, text_of
from tests.payments.conftest import external_api, paid_api, stripe, stripe_url
from tests.payments.sales import Sale, end_hold, external_sale, open_sale, refunds_of, work
from tests.payments.stripe_account import COMPLETED, StripeAccount, deliver
from tests.payments.test_stripe import forget_holds

__all__ = ["external_api", "paid_api", "stripe", "stripe_url"]


def last_mail(tmp_path: Path, sale: Sale) -> tuple[str, str]:
    """Subject and text of the last mail to the customer of a sale."""
    mail = last_to(tmp_path / "mail", sale.customer.email)
    return mail["Subject"], text_of(mail)


async def cancel(api: Api, sale: Sale, *seat_ids: int) -> None:
    body = {"seat_ids": list(seat_ids)} if seat_ids else None
    path = f"/reservations/{sale.reservation_id}/cancel"
    assert (await api.call("POST", path, body, who=sale.customer)).status == 200


async def test_a_cancellation_says_what_is_refunded(external_api: Api, tmp_path: Path) -> None:
    sale = await external_sale(external_api)
    await cancel(external_api, sale)
    await external_api.work()
    subject, text = last_mail(tmp_path, sale)
    assert subject.startswith("Cancelled: ")
    assert "We refund $20.00" in text


async def test_each_change_says_what_it_refunds_itself(external_api: Api, tmp_path: Path) -> None:
    sale = await external_sale(external_api, seats=4)
    await cancel(external_api, sale, sale.cinema.seat_ids[0])
    await cancel(external_api, sale, *sale.cinema.seat_ids[1:3])
    await external_api.work()
    changes = [text_of(mail) for mail in mails_to(tmp_path / "mail", sale.customer.email)[-2:]]
    assert ["We refund $10.00" in changes[0], "We refund $20.00" in changes[1]] == [True, True]
    assert [text.count("We refund") for text in changes] == [1, 1]


async def test_money_for_seats_that_were_gone_is_told_in_a_mail_of_its_own(
    paid_api: Api, stripe: StripeAccount, db: Connection, redis_url: str, tmp_path: Path
) -> None:
    sale = await open_sale(paid_api)
    await end_hold(db, sale)
    await forget_holds(redis_url, sale.cinema.showtime_id)
    other = await paid_api.sign_up()
    taken = await paid_api.hold(other, sale.cinema.showtime_id, sale.cinema.seat_ids[:1])
    assert taken.status == 201, taken.text
    await stripe.pay(sale.payment["checkout_url"])
    assert (await deliver(paid_api, await stripe.event(COMPLETED, sale.payment_id))).status == 204
    await work(paid_api, db)
    assert [each[:2] for each in await refunds_of(paid_api, sale)] == [("20.00", "not_available")]
    await paid_api.work()
    subject, text = last_mail(tmp_path, sale)
    assert subject == "Your payment for A Film has been refunded"
    assert "We have refunded $20.00" in text
    assert "could not be booked" in text
