"""Payments of reservations: pay, see what was paid, and the payment provider's webhook."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from aiohttp import web
from marshmallow import INCLUDE, Schema, fields, validate

from ...booking.lookup import find
from ...db.pool import Connection
from ...db.repository import payments, refunds
from ...errors import (
    Forbidden,
    HoldExpired,
    HoldsUnavailable,
    InvalidSignature,
    LimitReached,
    NotFound,
    NothingToPay,
    PaymentProviderUnavailable,
    ReservationCancelled,
    SeatsUnavailable,
)
from ...identity.verifiers import ApiKeyIdentity
from ...payments.external import pay_elsewhere
from ...payments.pay import pay
from ...payments.settle import handle_event
from ...runtime.fields import Input, Instant, Money
from ..app_keys import BODY, CALLER, DATABASE, PAYMENTS
from ..hold_limits import limits_of
from ..input.bodies import read_body
from ..input.path_ids import path_uuid
from ..output.responses import created_response, json_response
from ..output.schemas import CURRENCY, PROVIDERS, REFUND_REASONS
from ..routes import BOOKING, BOOKING_OR_REPORTS, STAFF_ROLES, Access, Routes
from .reservations import owner_and_id

if TYPE_CHECKING:
    from ...payments.stripe_payments import StripePayments

SIGNATURE = "Stripe-Signature"
MAX_EVENT_BYTES = 262_144  # an event has some kilobytes
PAYMENT_STATUSES = ("pending", "succeeded", "failed", "cancelled")
REFUND_STATUSES = ("pending", "succeeded", "failed")
CHECKOUT_URL = {"description": "The provider's page on which it is made; null if there is none"}

routes = Routes("Payment", Access.SIGNED_IN, read_scopes=BOOKING_OR_REPORTS, write_scopes=BOOKING)


class PaymentOutput(Schema):
    """A payment of a reservation."""

    payment_id = fields.UUID(required=True)
    provider = fields.String(required=True, validate=validate.OneOf(PROVIDERS))
    status = fields.String(required=True, validate=validate.OneOf(PAYMENT_STATUSES))
    amount = Money(required=True)
    currency = fields.String(required=True, metadata=CURRENCY)
    checkout_url = fields.String(required=True, allow_none=True, metadata=CHECKOUT_URL)


class RefundOutput(Schema):
    """A refund of a payment, or of a part of it."""

    refund_id = fields.UUID(required=True)
    amount = Money(required=True)
    reason = fields.String(required=True, validate=validate.OneOf(REFUND_REASONS))
    status = fields.String(required=True, validate=validate.OneOf(REFUND_STATUSES))
    created_at = Instant(required=True)
    succeeded_at = Instant(required=True, allow_none=True)


class ListedPaymentOutput(PaymentOutput):
    """A payment of a reservation, with its refunds."""

    refunded = Money(required=True, metadata={"description": "The sum of its refunds, made and pending"})
    created_at = Instant(required=True)
    succeeded_at = Instant(required=True, allow_none=True)
    refunds = fields.List(fields.Nested(RefundOutput()), required=True)


class PaymentsOutput(Schema):
    """The payments of a reservation, oldest first."""

    items = fields.List(fields.Nested(ListedPaymentOutput()), required=True)


class StripeEventInput(Schema):
    """An event as Stripe sends it; its signature is of the body's bytes."""

    class Meta:
        """Stripe adds members at any time."""

        unknown: ClassVar = INCLUDE

    id = fields.String(required=True)
    type = fields.String(required=True)


class PayInput(Input):
    """How it is paid, if not as payment_provider says."""

    provider = fields.String(
        validate=validate.OneOf(("external",)),
        metadata={"description": "external: it was paid elsewhere, such as in cash at the box office"},
    )
    amount = Money(
        metadata={"description": "For external: what was paid; 422 with nothing done if another amount is due by now"},
    )


@routes.add(
    "POST",
    "/reservations/{reservation_id}/pay",
    body=PayInput(),
    may_lack_body=True,
    status=201,
    may_be_made_before=True,
    output=PaymentOutput(),
    raises=(
        NothingToPay,
        HoldExpired,
        SeatsUnavailable,
        LimitReached,
        ReservationCancelled,
        HoldsUnavailable,
        PaymentProviderUnavailable,
        Forbidden,
    ),
)
async def pay_reservation(request: web.Request) -> web.StreamResponse:
    """Pay for a hold.

    With Stripe, the answer has the `checkout_url` of the page on which the customer pays; the hold is extended up to
    HOLD_MAX_SECONDS after it was made. When it is paid, the service confirms the reservation by itself. To pay again
    gives the same open payment, or the one that was made, with 200 in place of 201.

    With payment_provider `external`, or `provider` in the body, staff, administrators and API keys say by this that all
    that is due was paid, and the reservation is confirmed; 403 `forbidden` for others. With `amount` it is 422 if
    another amount is due, since seats were added or given up. 409 `nothing_to_pay` if nothing is due, or
    payment_provider is `none`.
    """
    context, reservation_id = request.app[PAYMENTS], path_uuid(request, "reservation_id")
    if context.provider == "none":
        await find(request.app[DATABASE], **await owner_and_id(request))
        raise NothingToPay
    caller, whose = request[CALLER], await owner_and_id(request)
    if request[BODY].get("provider", context.provider) != "external":
        payment, is_new = await pay(context, **whose)
    # The role is that with which the credential was verified; a change of the role ends that verification.
    elif isinstance(caller, ApiKeyIdentity) or caller.user.role in STAFF_ROLES:
        limits, amount = limits_of(context.booking, caller), request[BODY].get("amount")
        payment, is_new = await pay_elsewhere(context, **whose, limits=limits, amount=amount)
    else:
        raise Forbidden("The client that takes the money says that it was paid: the box office, or an API key.")
    shown = {
        "payment_id": str(payment.id),
        "provider": payment.provider,
        "status": payment.status,
        "amount": payment.amount,
        "currency": payment.currency,
        "checkout_url": payment.checkout_url if payment.status == "pending" else None,
    }
    if not is_new:
        return json_response(shown)
    return created_response(shown, location=f"/reservations/{reservation_id}/payments")


@routes.add("GET", "/reservations/{reservation_id}/payments", output=PaymentsOutput())
async def list_payments(request: web.Request) -> web.StreamResponse:
    """The payments of one of your reservations, with their refunds; for staff and administrators, of any."""
    whose = await owner_and_id(request)
    await find(request.app[DATABASE], **whose)
    async with request.app[DATABASE].connection() as conn:
        paid = await read_payments(conn, [whose["reservation_id"]])
    return json_response({"items": paid.get(whose["reservation_id"], [])})


async def read_payments(conn: Connection, reservation_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """The members of the payments of reservations, with their refunds, by reservation."""
    found = await payments.list_payments(conn, reservation_ids=reservation_ids)
    by_payment: dict[UUID, list[dict[str, Any]]] = {}
    for refund in await refunds.list_refunds(conn, reservation_ids=reservation_ids):
        members: dict[str, Any] = asdict(refund)
        own = by_payment.setdefault(members.pop("payment_id"), [])
        own.append({"refund_id": str(members.pop("id")), **members})
    paid: dict[UUID, list[dict[str, Any]]] = {}
    for payment in found:
        members = asdict(payment)
        own = paid.setdefault(members.pop("reservation_id"), [])
        own.append({"payment_id": str(members.pop("id")), **members, "refunds": by_payment.get(payment.id, [])})
    return paid


def _stripe(request: web.Request) -> "StripePayments":
    if (stripe := request.app[PAYMENTS].stripe) is None:
        raise NotFound("Stripe is not configured.")
    return stripe


async def _check_signature(request: web.Request) -> None:
    """Refuse a body that Stripe has not signed: everyone can send one, and to parse it costs more than to verify it."""
    _stripe(request).verify(await read_body(request), request.headers.get(SIGNATURE))


@routes.add(
    "POST",
    "/payments/stripe/webhook",
    access=Access.PUBLIC,
    body=StripeEventInput(),
    most_body_bytes=MAX_EVENT_BYTES,
    check_body=_check_signature,
    status=204,
    raises=(NotFound, InvalidSignature, HoldsUnavailable),
)
async def receive_stripe_event(request: web.Request) -> web.StreamResponse:
    """Receive an event of Stripe, signed with STRIPE_WEBHOOK_SECRET.

    Each event is carried out once, in whatever order they come; 204 also for those of other kinds. 404 `not_found`
    where Stripe is not configured.
    """
    context = request.app[PAYMENTS]
    event = _stripe(request).read_event(await read_body(request), request.headers.get(SIGNATURE))
    await handle_event(context, event)
    return web.Response(status=204)
