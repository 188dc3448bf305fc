"""localstripe, a server with Stripe's API, and what it lacks: Checkout Sessions with their page, and idempotency keys.

Run as `python -m tests.payments.stripe_server PORT [WEBHOOK_URL SECRET]`. PaymentIntents, charges, refunds and events
are localstripe's own; webhooks are repeated until they are taken. It is for tests and for trying the service only: no
card is needed.
"""

import asyncio
import html
import json
import sys
import time
from contextlib import suppress
from typing import Any

import aiohttp
import stripe
from aiohttp import web
from localstripe import resources, server, webhooks
from localstripe.errors import UserError

MOST_EXPIRY_S = 24 * 3600
SEND_AFTER_S, MOST_SENDS = 1, 300
PAGE = """<!doctype html><meta charset="utf-8"><title>Test payment</title>
<style>body {{ font: 1.1rem sans-serif; max-width: 30rem; margin: 4rem auto }} button {{ font: inherit }}</style>
<h1>Test payment</h1><p>{title}: <b>{amount} {currency}</b></p><p>No money moves here.</p>
<form method="post"><button name="card" value="pm_card_visa">Pay</button>
<button name="card" value="">Do not pay</button></form>"""


class CheckoutSession(resources.StripeObject):  # type: ignore[misc]
    """A page on which one payment is made."""

    object = "checkout.session"
    _id_prefix = "cs_test_"

    def __init__(
        self,
        *,
        mode: str,
        line_items: Any,
        success_url: str,
        cancel_url: str,
        expires_at: Any,
        client_reference_id: str | None = None,
        metadata: dict[str, str] | None = None,
        payment_intent_data: dict[str, Any] | None = None,
    ) -> None:
        lives_s = int(expires_at) - time.time()
        if mode != "payment" or not 30 * 60 - 1 <= lives_s <= MOST_EXPIRY_S:
            raise UserError(400, "Bad request")
        super().__init__()
        [item] = line_items
        price = item["price_data"]
        self.amount_total, self.currency = int(price["unit_amount"]) * int(item["quantity"]), price["currency"]
        self.mode, self.status, self.payment_status = mode, "open", "unpaid"
        self.success_url, self.cancel_url, self.expires_at = success_url, cancel_url, int(expires_at)
        self.client_reference_id, self.metadata = client_reference_id, metadata or {}
        self.payment_intent: str | None = None
        self.url: str | None = None
        self._title = price["product_data"]["name"]
        self._intent_metadata = (payment_intent_data or {}).get("metadata", {})

    def _pay(self, card: str) -> None:
        """Pay with one of Stripe's test cards; raises UserError if it is declined."""
        if self.status != "open":
            raise UserError(400, "This Checkout Session is not open.")
        intent = resources.PaymentIntent._api_create(
            amount=self.amount_total, currency=self.currency, payment_method=card, metadata=self._intent_metadata
        )
        resources.PaymentIntent._api_confirm(intent.id)
        self.payment_intent, self.status, self.payment_status, self.url = intent.id, "complete", "paid", None
        self._tell("completed")

    def _debit(self) -> None:
        """Complete it with a debit, which the bank carries out or refuses days later."""
        intent = resources.PaymentIntent._api_create(
            amount=self.amount_total,
            currency=self.currency,
            payment_method="pm_card_visa",
            metadata=self._intent_metadata,
        )
        self.payment_intent, self.status, self.url = intent.id, "complete", None
        self._tell("completed")

    def _refuse_debit(self) -> None:
        """Let the bank refuse the debit."""
        resources.PaymentIntent._api_retrieve(self.payment_intent).payment_method = None
        self._tell("async_payment_failed")

    def _end(self) -> None:
        """Expire it."""
        if self.status != "open":
            raise UserError(400, "Only open Checkout Sessions can be expired.")
        self.status, self.url = "expired", None
        self._tell("expired")

    def _tell(self, what: str) -> None:
        """Send an event to the webhooks."""
        webhooks.schedule_webhook(resources.Event(f"checkout.session.{what}", self))


def found(request: web.Request) -> CheckoutSession:
    session: CheckoutSession = CheckoutSession._api_retrieve(request.match_info["id"])
    return session


async def create(request: web.Request) -> web.Response:
    session = CheckoutSession(**await server.get_post_data(request))
    session.url = f"http://{request.host}/checkout/{session.id}"
    return server.json_response(session._export())  # type: ignore[no-any-return]


async def retrieve(request: web.Request) -> web.Response:
    expand = [value for name, value in request.query.items() if name.startswith("expand[")]
    return server.json_response(found(request)._export(expand=expand))  # type: ignore[no-any-return]


async def expire(request: web.Request) -> web.Response:
    session = found(request)
    session._end()
    return server.json_response(session._export())  # type: ignore[no-any-return]


async def show_page(request: web.Request) -> web.Response:
    session = found(request)
    if session.status != "open":
        raise web.HTTPSeeOther(session.success_url)
    amount = f"{session.amount_total / 100:.2f}"
    page = PAGE.format(title=html.escape(session._title), amount=amount, currency=session.currency.upper())
    return web.Response(text=page, content_type="text/html")


async def pay(request: web.Request) -> web.Response:
    session, card = found(request), (await request.post()).get("card")
    if not card:
        raise web.HTTPSeeOther(session.cancel_url)
    if card == "debit":
        session._debit()
    elif card == "refused_debit":
        session._refuse_debit()
    else:
        session._pay(str(card))
    raise web.HTTPSeeOther(session.success_url)


_answers: dict[str, tuple[tuple[str, bytes], "asyncio.Future[web.Response]"]] = {}


@web.middleware
async def repeat_answers(request: web.Request, handler: Any) -> web.StreamResponse:
    """Carry out a request with an Idempotency-Key once, and answer its repetitions as the first time.

    One with the same key and another path or body is refused.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None or request.method != "POST":
        return await handler(request)  # type: ignore[no-any-return]
    asked = request.path, await request.read()
    if key not in _answers:
        _answers[key] = asked, asyncio.ensure_future(handler(request))
    first_asked, answer = _answers[key]
    if asked != first_asked:
        return web.json_response({"error": {"type": "idempotency_error"}}, status=400)
    first = await answer
    return web.Response(body=first.body, status=first.status, content_type="application/json")


@web.middleware
async def authenticate(request: web.Request, handler: Any) -> web.StreamResponse:
    """As localstripe does, but for the page, which customers see."""
    if request.path.startswith("/checkout/"):
        return await handler(request)  # type: ignore[no-any-return]
    return await server.auth_middleware(request, handler)  # type: ignore[no-any-return]


async def send_until_taken(event: Any) -> None:
    """Send an event to the webhooks as localstripe does, and as Stripe does again until it is answered 2xx."""
    body = json.dumps(event._export())
    await asyncio.sleep(SEND_AFTER_S)
    async with aiohttp.ClientSession() as session:
        for webhook in [*webhooks._webhooks.values()]:
            if webhook.events is not None and event.type not in webhook.events:
                continue
            for _ in range(MOST_SENDS):
                signed = stripe.WebhookSignature.generate_signature_header(body, webhook.secret)
                headers = {"Content-Type": "application/json", "Stripe-Signature": signed}
                with suppress(aiohttp.ClientError):
                    async with session.post(webhook.url, data=body, headers=headers) as response:
                        if response.ok:
                            break
                await asyncio.sleep(SEND_AFTER_S)


def make_app() -> web.Application:
    """localstripe with Checkout Sessions; it keeps what it knows in memory."""
    resources.store.dump_to_disk = lambda: None
    webhooks._send_webhook = send_until_taken
    app: web.Application = server.app
    app.middlewares[:] = [server.error_middleware, authenticate, repeat_answers]
    app.router.add_post("/v1/checkout/sessions", create)
    app.router.add_get("/v1/checkout/sessions/{id}", retrieve)
    app.router.add_post("/v1/checkout/sessions/{id}/expire", expire)
    app.router.add_get("/checkout/{id}", show_page)
    app.router.add_post("/checkout/{id}", pay)
    return app


if __name__ == "__main__":
    if sys.argv[2:]:
        webhooks.register_webhook("demo", *sys.argv[2:], None)
    web.run_app(make_app(), host="127.0.0.1", port=int(sys.argv[1]), print=lambda *_: None)
