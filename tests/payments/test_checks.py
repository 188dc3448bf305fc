"""The job that asks Stripe about open payments: some at the same time, and none stops the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from reservation.payments.jobs import CHECKED_AT_ONCE
from tests.api import Api, Connection
from tests.conftest import PATIENT, StartApi
from tests.payments.sales import Sale, open_sale, status, work
from tests.payments.stripe_account import StripeAccount

PAYMENTS = CHECKED_AT_ONCE * 2 + 1
SESSIONS = "/v1/checkout/sessions/"


@dataclass(slots=True)
class Gateway:
    """Passes requests on to Stripe; those about payments wait until as many are there as the job may send."""

    stripe_url: str
    client: ClientSession
    refused: set[str] = field(default_factory=set)  # sessions that Stripe does not know any more
    asked: int = 0
    at_once: int = 0
    most_at_once: int = 0
    all_there: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        """Pass a request on."""
        body = await request.read()
        is_question = request.path.startswith(SESSIONS)
        if is_question:
            await self._wait()
        headers = {
            name: request.headers[name]
            for name in ("Authorization", "Content-Type", "Idempotency-Key")
            if name in request.headers
        }
        try:
            if request.path.removeprefix(SESSIONS) in self.refused:
                return web.json_response({"error": {"type": "invalid_request_error", "message": "No such"}}, status=404)
            url = f"{self.stripe_url}{request.path_qs}"
            async with self.client.request(request.method, url, data=body, headers=headers) as answer:
                return web.Response(body=await answer.read(), status=answer.status, content_type="application/json")
        finally:
            self.at_once -= is_question

    async def _wait(self) -> None:
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once == CHECKED_AT_ONCE:
            self.all_there.set()
        await self.all_there.wait()


@asynccontextmanager
async def gateway_to(stripe: StripeAccount) -> AsyncIterator[tuple[Gateway, str]]:
    """A gateway and its address."""
    gateway = Gateway(stripe.url, stripe.session)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.handle)
    server = TestServer(app)
    await server.start_server()
    try:
        yield gateway, str(server.make_url("")).rstrip("/")
    finally:
        gateway.all_there.set()
        await server.close()


async def sales_that_were_paid(api: Api, stripe: StripeAccount) -> list[Sale]:
    """Payments that were made, of which Stripe has not told the service."""
    cinema, customer = await api.cinema(), await api.sign_up()
    sales = [
        await open_sale(api, seats=1, cinema=cinema, customer=customer, first_seat=place) for place in range(PAYMENTS)
    ]
    for sale in sales:
        await stripe.pay(sale.payment["checkout_url"])
    return sales


async def test_some_payments_are_asked_about_at_the_same_time_and_errors_of_one_do_not_stop_the_others(
    start_api: StartApi, stripe: StripeAccount, db: Connection
) -> None:
    async with gateway_to(stripe) as (gateway, url):
        api = await start_api(**PATIENT | stripe.settings | {"STRIPE_API_BASE": url})
        sales = await sales_that_were_paid(api, stripe)
        unknown, broken = sales[0], sales[1]
        gateway.refused.add(unknown.payment["checkout_url"].rpartition("/")[2])
        await db.execute(
            f"alter table payments add constraint broken check (id <> '{broken.payment_id}' or status = 'pending')"
        )
        async with asyncio.timeout(300):
            await work(api, db)
        assert gateway.most_at_once == CHECKED_AT_ONCE
        assert gateway.asked == PAYMENTS
        assert [await status(api, sale) for sale in sales] == ["held", "held", *["confirmed"] * (PAYMENTS - 2)]

        gateway.refused.clear()
        await db.execute("alter table payments drop constraint broken")
        await work(api, db)
        assert [await status(api, sale) for sale in sales[:2]] == ["confirmed", "confirmed"]
