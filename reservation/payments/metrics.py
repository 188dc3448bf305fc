"""What is counted of payments for /metrics."""

from ..runtime.metrics import Counter, CounterBy

PAYMENTS_SUCCEEDED = CounterBy(
    "reservation_payments_succeeded", "Payments made.", "provider", known=("stripe", "external")
)
REFUNDS_SUCCEEDED = Counter("reservation_refunds_succeeded", "Refunds made by the payment provider.")
REFUNDS_FAILED = Counter(
    "reservation_refunds_failed", "Refunds that the payment provider could not make: pay these back by hand."
)
