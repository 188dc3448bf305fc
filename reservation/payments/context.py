"""What the functions of payments need."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from structlog.stdlib import BoundLogger

from ..booking.context import BookingContext
from ..settings import Settings

if TYPE_CHECKING:
    from .stripe_payments import StripePayments


@dataclass(frozen=True, slots=True)
class PaymentContext:
    """How reservations are paid now, and Stripe, also where it only refunds what was paid before.

    The provider is none, stripe or external.
    """

    booking: BookingContext
    provider: str
    currency: str
    stripe: "StripePayments | None"
    log: BoundLogger


@asynccontextmanager
async def open_payments(settings: Settings, booking: BookingContext) -> AsyncIterator[PaymentContext]:
    """The context, with Stripe if it is configured."""
    stripe = None
    if settings.stripe_secret_key is not None:
        # Its import takes 0.2 s and 18 MB: only where it is used.
        from .stripe_payments import StripePayments  # noqa: PLC0415

        stripe = StripePayments(
            secret_key=settings.stripe_secret_key,
            webhook_secret=settings.stripe_webhook_secret or "",
            api_base=settings.stripe_api_base,
            public_url=settings.public_url or "",
            hold_max_s=settings.hold_max_s,
        )
    yield PaymentContext(
        booking=booking,
        provider=settings.payment_provider,
        currency=settings.currency,
        stripe=stripe,
        log=structlog.stdlib.get_logger("reservation.payments"),
    )
    if stripe is not None:
        await stripe.close()
