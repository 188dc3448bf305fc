"""Stripe, by its own library: Checkout Sessions, on Stripe's page; refunds; the events of its webhook.

Card data is typed into Stripe's page and never reaches the service. No method is called while a database connection is
held; each takes at most TIMEOUT_S for an attempt, of which there are two.
"""

from decimal import Decimal
from typing import Any
from uuid import UUID

import aiohttp
import stripe
from stripe.checkout import Session

from ..db.repository.payments import Payment
from ..db.repository.refunds import ClaimedRefund
from ..errors import InvalidSignature, PaymentProviderUnavailable
from .checked import CheckedPayment, CheckedRefund, StripeEvent

TIMEOUT_S = 10
RETRIES = 1
# A Checkout Session lives from 30 minutes to 24 hours (Stripe's bounds). These count from when the payment was opened;
# a request that failed is repeated for 10 minutes (WITHOUT_PAGE_S). A minute is left for clocks that differ.
SHORTEST_S, LONGEST_S = 41 * 60, 24 * 3600 - 60
# Digits of the minor unit of currencies that have not two, as Stripe counts them.
DIGITS = dict.fromkeys(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"), 0
) | dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3)
PAID = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
PAYMENT_FAILED = "checkout.session.async_payment_failed"
NOT_PAID = ("checkout.session.expired", PAYMENT_FAILED)


class StripePayments:
    """Stripe; its methods raise PaymentProviderUnavailable when it cannot be reached, or refuses."""

    def __init__(
        self, *, secret_key: str, webhook_secret: str, api_base: str | None, public_url: str, hold_max_s: int
    ) -> None:
        self._http = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        self._client = stripe.StripeClient(
            secret_key,
            http_client=self._http,
            base_addresses={} if api_base is None else {"api": api_base.rstrip("/")},
            max_network_retries=RETRIES,
        )
        self._webhook_secret = webhook_secret
        self._public_url = public_url.rstrip("/")
        self._life_s = min(max(SHORTEST_S, hold_max_s), LONGEST_S)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def create(self, payment: Payment, *, title: str) -> CheckedPayment:
        """Make the page on which a payment is made; for the same payment the same page."""
        page = f"{self._public_url}/my/reservations/{payment.reservation_id}"
        ids = {"payment_id": str(payment.id), "reservation_id": str(payment.reservation_id)}
        unit_amount = minor_units(Decimal(payment.amount), payment.currency)
        price: Any = {
            "currency": payment.currency.lower(),
            "unit_amount": unit_amount,
            "product_data": {"name": title},
        }
        try:
            session = await self._client.v1.checkout.sessions.create_async(
                {
                    "mode": "payment",
                    "line_items": [{"price_data": price, "quantity": 1}],
                    "success_url": f"{page}/payment?paid",
                    "cancel_url": f"{page}/payment?not_paid",
                    "client_reference_id": str(payment.id),
                    "metadata": ids,
                    "payment_intent_data": {"metadata": ids},
                    # Stripe refuses an idempotency key that comes again with other parameters.
                    "expires_at": _opened_at(payment.id) + self._life_s,
                },
                {"idempotency_key": str(payment.id)},
            )
        except stripe.StripeError as error:
            raise PaymentProviderUnavailable from error
        return _checked(session)

    async def look_up(self, reference: str) -> CheckedPayment:
        """A payment as it is."""
        try:
            return _checked(
                await self._client.v1.checkout.sessions.retrieve_async(reference, {"expand": ["payment_intent"]})
            )
        except stripe.StripeError as error:
            raise PaymentProviderUnavailable from error

    async def end(self, reference: str) -> CheckedPayment:
        """Close the page of a payment, so that it cannot be made any more; it may have been made just before."""
        try:
            return _checked(await self._client.v1.checkout.sessions.expire_async(reference))
        except stripe.InvalidRequestError:  # it is not open any more
            return await self.look_up(reference)
        except stripe.StripeError as error:
            raise PaymentProviderUnavailable from error

    async def refund(self, refund: ClaimedRefund) -> CheckedRefund:
        """Refund a part of a payment, or all: once, however often this is called."""
        begun = await self._find_begun(refund) if refund.attempts > 1 else None
        try:
            made = begun or await self._client.v1.refunds.create_async(
                {
                    "payment_intent": refund.charge_reference or "",
                    "amount": minor_units(refund.amount, refund.currency),
                    "metadata": {"refund_id": str(refund.id), "payment_id": str(refund.payment_id)},
                },
                {"idempotency_key": str(refund.id)},
            )
        except stripe.StripeError as error:
            raise PaymentProviderUnavailable(str(error)) from error
        status = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}.get(made.status or "", "pending")
        return CheckedRefund(made.id, status, getattr(made, "failure_reason", None))

    async def _find_begun(self, refund: ClaimedRefund) -> stripe.Refund | None:
        """The refund of an earlier attempt: Stripe forgets idempotency keys after a day, but not metadata."""
        try:
            page = await self._client.v1.refunds.list_async(
                {"payment_intent": refund.charge_reference or "", "limit": 100}
            )
            async for each in page.auto_paging_iter():
                if _metadata(each).get("refund_id") == str(refund.id):
                    return each
        except stripe.StripeError as error:
            raise PaymentProviderUnavailable(str(error)) from error
        return None

    def verify(self, body: bytes, signature: str | None) -> None:
        """Raise InvalidSignature unless Stripe has signed these bytes less than five minutes ago."""
        try:
            stripe.WebhookSignature.verify_header(
                body, signature, self._webhook_secret, stripe.Webhook.DEFAULT_TOLERANCE
            )
        except (stripe.SignatureVerificationError, ValueError) as error:
            raise InvalidSignature from error

    def read_event(self, body: bytes, signature: str | None) -> StripeEvent:
        """An event, if Stripe has signed it less than five minutes ago; raises InvalidSignature."""
        try:
            event = self._client.construct_event(body, signature, self._webhook_secret)
        except (stripe.SignatureVerificationError, ValueError, LookupError) as error:
            raise InvalidSignature from error
        session: Any = event.data.object
        payment_id = _payment_id(session) if event.type in PAID + NOT_PAID else None
        if payment_id is None:
            return StripeEvent(event.id, event.type)
        return StripeEvent(event.id, event.type, payment_id, _checked(session, has_failed=event.type == PAYMENT_FAILED))


def minor_units(amount: Decimal, currency: str) -> int:
    """An amount in the smallest unit of its currency, such as cents."""
    units = amount.scaleb(DIGITS.get(currency, 2))
    if units != units.to_integral_value():
        raise PaymentProviderUnavailable(f"Stripe cannot charge a fraction of {currency}.")
    return int(units)


def _opened_at(payment_id: UUID) -> int:
    """The Unix time in seconds that a payment's id, a UUIDv7, begins with in milliseconds."""
    return (payment_id.int >> 80) // 1000


def _metadata(of: Session | stripe.Refund) -> dict[str, str]:
    return {} if of.metadata is None else of.metadata.to_dict()


def _payment_id(session: Session) -> UUID | None:
    """The payment of a Checkout Session; None for one that another program has made with the same account."""
    try:
        return UUID(_metadata(session).get("payment_id", ""))
    except ValueError:
        return None


def _checked(session: Session, *, has_failed: bool = False) -> CheckedPayment:
    """What a Checkout Session says; the payment of one that is complete and unpaid is under way, or has failed."""
    charge = session.payment_intent
    if session.status == "complete" and isinstance(charge, stripe.PaymentIntent):
        has_failed = charge.status in ("requires_payment_method", "canceled")
    unpaid = "failed" if has_failed or session.status == "expired" else "open"
    state = "paid" if session.payment_status == "paid" else unpaid
    return CheckedPayment(
        session.id, state, charge if isinstance(charge, str) or charge is None else charge.id, session.url
    )
