"""The pages of a sale that is paid at Stripe, on every kind of screen; and the wait for a payment."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from reservation.outbox.event_types import EVENT_TYPES
from tests.api import Api, Person
from tests.browser.barriers import VIEWS, Looks
from tests.browser.chromium import DESKTOP, View, context_of
from tests.browser.people import begin_session
from tests.browser.places import Who
from tests.browser.site import api_of, url_of
from tests.browser.test_reservation import room_of
from tests.conftest import folder_of_servers
from tests.faults.test_serving import Instance, serving
from tests.payments.conftest import stripe_url  # noqa: F401 - a fixture
from tests.payments.sales import Sale, open_sale, pay_at
from tests.payments.stripe_account import StripeAccount, settings_for
from tests.ports import free_port
from tests.tickets.sold import check_in, tickets
from tests.webhooks.receiver import LOOPBACK, receiving

# Names in braces are ids of Paying.
PLACES: tuple[tuple[Who, str], ...] = (
    ("customer", "/my/reservations"),
    ("customer", "/my/reservations/{held}"),
    ("customer", "/my/reservations/{opened}"),
    ("customer", "/my/reservations/{opened}/payment"),
    ("customer", "/my/reservations/{opened}/payment?paid"),
    ("customer", "/my/reservations/{paid}?done=paid"),
    ("customer", "/my/reservations/{paid}/tickets"),
    ("customer", "/my/reservations/{refunded}"),
    ("staff", "/box-office/reservations/{opened}"),
    ("staff", "/box-office/reservations/{paid}"),
    ("staff", "/box-office/reservations/{refunded}"),
    ("staff", "/door/{showtime}"),
    ("admin", "/manage/webhooks"),
    ("admin", "/manage/webhooks/{webhook}"),
    ("admin", "/manage/webhooks/{webhook}/deliveries"),
    ("admin", "/manage/dead-letters"),
    ("admin", "/manage/reports"),
    ("admin", "/manage/reports?by=showtime"),
    ("admin", "/manage/reports/showtimes/{showtime}"),
)


# The first delivery, which was refused once.
GIVE_UP = (
    "update deliveries set status = 'dead', ended_at = now(), last_error = 'HTTP status 500', last_status_code = 500"
    " where id = (select min(id) from deliveries where channel = 'webhook')"
)


@dataclass(slots=True)
class Paying:
    """A service that is paid by Stripe, and what its pages are about."""

    api: Api
    stripe: StripeAccount
    service: str
    people: dict[Who, Person] = field(default_factory=dict)
    ids: dict[str, object] = field(default_factory=dict)


@pytest.fixture(scope="module")
def paid_site(stripe_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:  # noqa: F811 - the fixture
    """`reservation serve --demo`, paid by Stripe, on servers of its own."""
    port = free_port()
    settings: dict[str, Any] = settings_for(stripe_url, public_url=f"http://127.0.0.1:{port}")
    settings["WEBHOOK_ALLOWED_NETWORKS"] = LOOPBACK
    with (
        folder_of_servers(tmp_path_factory) as folder,
        serving(folder / "data", "--demo", port=port, background=True, **settings) as instance,
    ):
        yield instance


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def paying(paid_site: Instance, stripe_url: str) -> AsyncIterator[Paying]:  # noqa: F811 - the fixture
    """The service with sales in every state of their payment, and events that were delivered or not."""
    async with api_of(paid_site) as api, aiohttp.ClientSession() as session, receiving() as receiver:
        paying = Paying(api, StripeAccount(stripe_url, session), url_of(paid_site))
        hook = await api.make("/admin/webhooks", {"url": receiver.url, "events": [*EVENT_TYPES]})
        receiver.answers.append(500)
        await make_sales(paying)
        await receiver.wait_until(
            lambda: {"payment.succeeded", "ticket.checked_in"} <= {each.type for each in receiver.received}
        )
        await api.call("POST", f"/admin/webhooks/{hook['id']}/test", who=await api.admin())
        db = await asyncpg.connect(api.database_url)
        await db.execute(GIVE_UP)
        await db.close()
        paying.ids["webhook"] = hook["id"]
        yield paying


async def make_sales(paying: Paying) -> None:
    """A hold, an open payment, a paid sale with a ticket that is checked in, and one that was paid and cancelled."""
    api, customer, room = paying.api, await paying.api.sign_up(), await room_of(paying.api)
    paying.people |= {"customer": customer, "staff": await api.staff(), "admin": await api.admin()}
    held = await api.hold(customer, room.showtime_id, room.seat_ids[:2])
    paying.ids |= {"showtime": room.showtime_id, "held": held.json["id"]}
    for first_seat, name in ((2, "opened"), (4, "paid"), (6, "refunded")):
        sale = await open_sale(api, cinema=room, customer=customer, first_seat=first_seat)
        paying.ids[name] = sale.reservation_id
        if name != "opened":
            await pay_at(paying.stripe, api, sale)
    assert (await api.cancel(customer, str(paying.ids["refunded"]))).status == 200
    [ticket, *_] = await tickets(api, customer, str(paying.ids["paid"]))
    assert (await check_in(api, paying.people["staff"], ticket["code"])).status == 200


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def looks(browser: Browser, paying: Paying) -> AsyncIterator[Looks]:
    """The browsers."""
    async with AsyncExitStack() as stack:
        yield Looks(browser, paying.api, paying.service, stack)


@pytest.mark.long
@pytest.mark.parametrize(("who", "address"), PLACES, ids=[address for _, address in PLACES])
@pytest.mark.parametrize("how", VIEWS)
async def test_a_page_of_a_paid_sale_has_no_barriers_and_fits_its_screen(
    looks: Looks, paying: Paying, who: Who, address: str, how: str
) -> None:
    address = address.format_map(paying.ids)
    assert await looks.check(address, how, paying.people[who]) == address


async def test_the_pages_are_about_sales_in_their_states(paying: Paying) -> None:
    """What the test above looks at is there."""
    customer, admin = paying.people["customer"], paying.people["admin"]
    for name, status in (("held", "held"), ("opened", "held"), ("paid", "confirmed"), ("refunded", "cancelled")):
        found = await paying.api.call("GET", f"/reservations/{paying.ids[name]}", who=customer)
        assert found.json["status"] == status
    assert (await paying.api.call("GET", "/admin/dead-letters", who=admin)).json["items"]
    listed = await paying.api.call("GET", f"/admin/webhooks/{paying.ids['webhook']}/deliveries", who=admin)
    assert {each["status"] for each in listed.json["items"]} >= {"delivered", "dead"}


async def wait_page(browser: Browser, paying: Paying, view: View, stack: AsyncExitStack) -> tuple[Page, Sale]:
    """The page on which a customer who has left the provider's page waits."""
    sale = await open_sale(paying.api, cinema=await room_of(paying.api))
    context = await stack.enter_async_context(await context_of(browser, paying.service, view))
    page = await context.new_page()
    await begin_session(page, paying.api, sale.customer)
    await page.goto(f"/my/reservations/{sale.reservation_id}")
    await page.get_by_role("button", name="Pay $20.00").click()
    await page.wait_for_url(sale.payment["checkout_url"])
    await page.goto(f"/my/reservations/{sale.reservation_id}/payment?paid")
    await expect(page.get_by_role("heading", name="Waiting for your payment")).to_be_visible()
    return page, sale


async def test_the_page_that_waits_goes_on_by_itself_when_the_payment_has_arrived(
    browser: Browser, paying: Paying
) -> None:
    async with AsyncExitStack() as stack:
        page, sale = await wait_page(browser, paying, DESKTOP, stack)
        await expect(page.get_by_text("This page looks for it every few seconds.")).to_be_visible()
        await pay_at(paying.stripe, paying.api, sale)
        await expect(page.get_by_text("Thank you: your payment has arrived")).to_be_visible()
        assert page.url.endswith(f"{sale.reservation_id}?done=paid")


async def test_without_javascript_the_customer_looks_for_the_payment(browser: Browser, paying: Paying) -> None:
    async with AsyncExitStack() as stack:
        page, sale = await wait_page(browser, paying, VIEWS["phone without JavaScript"], stack)
        await expect(page.get_by_text("This page looks for it every few seconds.")).to_be_hidden()
        await pay_at(paying.stripe, paying.api, sale)
        await page.get_by_role("button", name="Look for it now").click()
        await expect(page.get_by_text("Thank you: your payment has arrived")).to_be_visible()
