"""What is counted of logins for /metrics."""

from ..runtime.metrics import CounterBy

LOGINS = CounterBy(
    "reservation_logins",
    "Logins with a password, by their outcome.",
    "outcome",
    known=("ok", "refused", "limited", "disabled"),
)
ATTEMPTS_LIMITED = CounterBy(
    "reservation_attempts_limited", "Logins, sign-ups and requests for mails refused by a limit.", "policy"
)
