"""Paying by the pages, without JavaScript."""

from tests.api import Api, Cinema, Connection, Person
from tests.conftest import PATIENT, StartApi
from tests.payments.sales import Sale, open_sale, paid_sale, status, work
from tests.payments.stripe_account import COMPLETED, StripeAccount, deliver
from tests.web.visitor import Visitor, visitor_of


async def hold_page(api: Api, **showtime: object) -> tuple[Visitor, Person, Cinema, str]:
    """A signed-in visitor, the person, the cinema, and the address of a hold."""
    person, visitor, cinema = await api.sign_up(), await visitor_of(api), await api.cinema(**showtime)  # type: ignore[arg-type]
    await visitor.sign_in(person)
    held = await api.hold(person, cinema.showtime_id, cinema.seat_ids[:2])
    return visitor, person, cinema, f"/my/reservations/{held.json['id']}"


async def test_a_customer_pays_on_the_providers_page_and_comes_back_to_the_booked_seats(
    paid_api: Api, stripe: StripeAccount, db: Connection
) -> None:
    visitor, _, _, address = await hold_page(paid_api)
    page = await visitor.open(address)
    assert ("Book for" in page.text, "Time left to pay" in page.text, "confirm" in page.text) == (False, True, False)
    assert "nothing was paid" not in page.text
    page = await visitor.submit(f"{address}/pay")
    assert (page.heading.strip(), "We do not see your card." in page.text) == ("Pay $20.00", True)
    [checkout_url] = [link for link in page.links if link.startswith(stripe.url)]
    assert page.headers["Refresh"] == f"0; url={checkout_url}"
    page = await visitor.open(address)  # without having paid
    assert "If you left the payment page without paying, nothing was paid." in page.text

    await stripe.pay(checkout_url)
    page = await visitor.open(f"{address}/payment?paid")  # where Stripe sends the customer
    assert (page.heading.strip(), f"{address}/payment?paid" in page.links) == ("Waiting for your payment", True)
    payment_id = str(await db.fetchval("select id from payments"))
    await deliver(paid_api, await stripe.event(COMPLETED, payment_id))
    page = await visitor.open(f"{address}/payment?paid")

    assert page.url.endswith(f"{address}?done=paid")
    assert "Thank you: your payment has arrived, and the seats are yours." in page.text
    assert "$20.00 paid" in page.text
    assert "The whole price of the seats that you cancel is paid back within some days" in page.text


async def test_a_customer_who_comes_back_without_a_session_is_told_that_the_tickets_come_by_mail(
    paid_api: Api,
) -> None:
    sale = await open_sale(paid_api)
    address = f"/my/reservations/{sale.reservation_id}"
    visitor = await visitor_of(paid_api)
    page = await visitor.open(f"{address}/payment?paid")
    assert (page.status, page.heading.strip()) == (200, "We are looking for your payment")
    assert "your tickets come by e-mail" in page.text
    assert f"/sign-in?next={address}" in page.links
    page = await visitor.open(f"{address}/payment?not_paid")
    assert (page.status, page.heading.strip()) == (200, "You have not paid")
    page = await visitor.open(f"{address}/payment")
    assert page.heading.strip() == "Sign in"


async def test_a_customer_who_does_not_pay_comes_back_to_the_reservation(paid_api: Api, stripe: StripeAccount) -> None:
    visitor, _, _, address = await hold_page(paid_api)
    await visitor.open(address)
    page = await visitor.submit(f"{address}/pay")
    [checkout_url] = [link for link in page.links if link.startswith(stripe.url)]
    async with stripe.session.post(checkout_url, data={"card": ""}, allow_redirects=False) as response:
        assert response.headers["Location"].endswith(f"{address}/payment?not_paid")
    page = await visitor.open(f"{address}/payment?not_paid")
    assert page.url.endswith(address)


async def test_stripe_sends_the_customer_back_to_the_pages(paid_api: Api, stripe: StripeAccount) -> None:
    sale = await open_sale(paid_api)
    async with stripe.session.post(
        sale.payment["checkout_url"], data={"card": "pm_card_visa"}, allow_redirects=False
    ) as response:
        assert response.headers["Location"].endswith(f"/my/reservations/{sale.reservation_id}/payment?paid")


async def test_a_form_to_pay_that_is_sent_twice_leads_to_the_same_payment(paid_api: Api, db: Connection) -> None:
    visitor, _, _, address = await hold_page(paid_api)
    shown = await visitor.open(address)
    first = await visitor.submit(f"{address}/pay")
    visitor.page = shown
    second = await visitor.submit(f"{address}/pay")
    assert first.links == second.links
    assert await db.fetchval("select count(*) from payments") == 1


async def test_money_that_is_paid_back_is_said_on_the_reservation_and_at_the_box_office(
    paid_api: Api, stripe: StripeAccount, db: Connection
) -> None:
    sale = await paid_sale(paid_api, stripe)
    await paid_api.cancel(sale.customer, sale.reservation_id)
    customer, clerk = await visitor_of(paid_api), await visitor_of(paid_api)
    await customer.sign_in(sale.customer)
    await clerk.sign_in(await paid_api.staff())
    await work(paid_api, db)
    for visitor, address in (
        (customer, f"/my/reservations/{sale.reservation_id}"),
        (clerk, f"/box-office/reservations/{sale.reservation_id}"),
    ):
        page = await visitor.open(address)
        assert "$20.00 paid back" in page.text


async def test_the_payment_page_of_a_hold_that_is_gone_leads_to_the_reservation(paid_api: Api) -> None:
    visitor, person, _, address = await hold_page(paid_api)
    page = await visitor.open(f"{address}/payment")
    assert page.url.endswith(address)
    await visitor.submit(f"{address}/pay")
    await paid_api.cancel(person, address.rpartition("/")[2])
    page = await visitor.open(f"{address}/payment")
    assert "This reservation is cancelled" in page.text


async def test_a_provider_that_is_away_is_said_on_the_page_of_the_hold(
    start_api: StartApi, stripe: StripeAccount
) -> None:
    api = await start_api(**PATIENT | stripe.settings | {"STRIPE_API_BASE": "http://127.0.0.1:9"})
    visitor, _, _, address = await hold_page(api)
    await visitor.open(address)
    page = await visitor.submit(f"{address}/pay")
    assert (page.status, "The payment page cannot be reached just now." in page.text) == (503, True)


async def test_seats_that_cost_nothing_are_booked_without_paying(paid_api: Api) -> None:
    visitor, _, _, address = await hold_page(paid_api, base_price="0.00")
    await visitor.open(address)
    page = await visitor.submit(f"{address}/confirm")
    assert "Thank you: the seats are yours." in page.text


async def test_the_box_office_takes_the_money_of_a_hold_and_confirms_it(paid_api: Api, db: Connection) -> None:
    sale = await open_sale(paid_api)
    clerk = await visitor_of(paid_api)
    await clerk.sign_in(await paid_api.staff())
    address = f"/box-office/reservations/{sale.reservation_id}"
    page = await clerk.open(address)
    assert "$20.00 paid at the till: confirm" in page.text
    page = await clerk.submit(f"{address}/paid")
    assert "paid at the till or elsewhere" in page.text
    assert await status(paid_api, sale) == "confirmed"
    await work(paid_api, db)
    assert await db.fetchval("select count(*) from payments where settled_at is null") == 0


async def test_a_sale_at_the_box_office_is_paid_when_it_is_confirmed(external_api: Api, db: Connection) -> None:
    cinema, staff = await external_api.cinema(), await external_api.staff()
    held = await external_api.hold(staff, cinema.showtime_id, cinema.seat_ids[:2])
    clerk = await visitor_of(external_api)
    await clerk.sign_in(staff)
    address = f"/box-office/holds/{held.json['id']}"
    await clerk.open(address)
    await clerk.submit(f"{address}/confirm")
    sale = Sale(cinema, staff, held.json["id"], {})
    assert await status(external_api, sale) == "confirmed"
    assert await db.fetchval("select amount from payments") == 20


async def test_a_customer_whose_cinema_is_paid_elsewhere_is_told_where(external_api: Api) -> None:
    visitor, _, _, address = await hold_page(external_api)
    page = await visitor.open(address)
    assert "Please pay $20.00 at the box office" in page.text
    assert "Book for" not in page.text
