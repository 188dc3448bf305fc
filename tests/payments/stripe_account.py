"""What tests do at Stripe: pay as a customer, look at refunds, and send events to the webhook as Stripe would."""

import json
import time
from dataclasses import dataclass
from typing import Any

import aiohttp
import stripe

from tests.api import Answer, Api

SECRET_KEY, WEBHOOK_SECRET = "sk_test_of_the_tests", "whsec_of_the_tests"
WEBHOOK = "/payments/stripe/webhook"
COMPLETED, EXPIRED = "checkout.session.completed", "checkout.session.expired"
PAYMENT_FAILED = "checkout.session.async_payment_failed"


def settings_for(url: str, *, public_url: str) -> dict[str, str]:
    """Settings of a service that uses localstripe at a URL."""
    return {
        "PAYMENT_PROVIDER": "stripe",
        "STRIPE_SECRET_KEY": SECRET_KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STRIPE_API_BASE": url,
        "PUBLIC_URL": public_url,
    }


@dataclass(frozen=True, slots=True)
class StripeAccount:
    """An account at localstripe."""

    url: str
    session: aiohttp.ClientSession

    @property
    def settings(self) -> dict[str, str]:
        """Settings of a service that uses it."""
        return settings_for(self.url, public_url="http://localhost:8000")

    async def pay(self, checkout_url: str, card: str = "pm_card_visa") -> None:
        """Pay on the provider's page."""
        async with self.session.post(checkout_url, data={"card": card}, allow_redirects=False) as response:
            assert response.status == 303, await response.text()

    async def listed(self, kind: str, **query: str) -> list[dict[str, Any]]:
        """The account's events, refunds or others, as the API lists them."""
        headers = {"Authorization": f"Bearer {SECRET_KEY}"}
        async with self.session.get(f"{self.url}/v1/{kind}", headers=headers, params=query | {"limit": "100"}) as got:
            found: dict[str, Any] = await got.json()
        return list(found["data"])

    async def event(self, kind: str, payment_id: str) -> dict[str, Any]:
        """The event of this kind about a payment."""
        events = await self.listed("events", type=kind)
        [event] = [each for each in events if each["data"]["object"]["metadata"].get("payment_id") == payment_id]
        return event

    async def refunds(self, payment_id: str) -> list[int]:
        """The amounts that were refunded of a payment, in cents."""
        refunds = await self.listed("refunds")
        return sorted(each["amount"] for each in refunds if each["metadata"]["payment_id"] == payment_id)

    async def send_webhooks_to(self, url: str, *events: str) -> None:
        """Let Stripe send events of these kinds, a second after they happen; without any, none."""
        body = {"url": url, "secret": WEBHOOK_SECRET, "events": [*events]}
        async with self.session.post(f"{self.url}/_config/webhooks/tests", json=body) as response:
            assert response.status == 200


async def deliver(api: Api, event: dict[str, Any], *, secret: str = WEBHOOK_SECRET, age_s: int = 0) -> Answer:
    """Send an event to the service, signed as Stripe signs."""
    body = json.dumps(event)
    signature = stripe.WebhookSignature.generate_signature_header(body, secret, int(time.time()) - age_s)
    headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
    return await api.call("POST", WEBHOOK, data=body.encode(), headers=headers)
