"""What is counted of mails for /metrics."""

from ..runtime.metrics import CounterBy

KINDS = (
    "confirmation",
    "change",
    "cancellation",
    "showtime_changed",
    "reminder",
    "refund",
    "reset_password",
    "verify_email",
)
MAILS_SENT = CounterBy(
    "reservation_mails_sent", "Mails that the mail server took, or that were written.", "kind", known=KINDS
)
MAILS_RETRIED = CounterBy("reservation_mails_retried", "Attempts that failed and are repeated.", "kind", known=KINDS)
MAILS_GIVEN_UP = CounterBy("reservation_mails_given_up", "Mails that became dead letters.", "kind", known=KINDS)
