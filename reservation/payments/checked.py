"""What the payment provider has answered or told."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CheckedPayment:
    """A payment as Stripe knows it; the state is open, paid or failed."""

    reference: str
    state: str
    charge_reference: str | None = None
    checkout_url: str | None = None


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """An event of the webhook, with the payment that it is about; None for one of another kind."""

    id: str
    kind: str
    payment_id: UUID | None = None
    payment: CheckedPayment | None = None


@dataclass(frozen=True, slots=True)
class CheckedRefund:
    """A refund as Stripe knows it: pending, succeeded or failed."""

    reference: str
    status: str
    error: str | None = None
