"""What booking and its background jobs count for /metrics."""

from ..errors import DomainError, IdempotencyKeyUsed, SeatsUnavailable
from ..runtime.metrics import Counter, CounterBy, Gauge, GaugeBy, HistogramBy

HOLDS_PLACED = Counter("reservation_holds_placed", "Holds that were answered to their customers.")
HOLDS_REFUSED = CounterBy(
    "reservation_holds_refused",
    "Holds that were refused or failed.",
    "reason",
    known=("seats_held", "seats_booked", "seats_blocked", "seats_none"),
)
HOLDS_EXTENDED = Counter("reservation_holds_extended", "Holds that were extended.")
HOLDS_RELEASED = Counter("reservation_holds_released", "Holds that were cancelled before they were confirmed.")
HOLDS_EXPIRED = Counter("reservation_holds_expired", "Holds that were marked as expired, a minute after their end.")
HOLDS_UNDONE = Counter(
    "reservation_holds_undone", "Holds cancelled before their answer, since Redis had lost them and others have them."
)
LIVE_HOLDS = Gauge("reservation_live_holds", "Holds that have not expired, counted every 15 s.", "livemax")
ORPHANS_RELEASED = Counter("reservation_orphaned_seats_released", "Seats held in Redis without a hold, released.")
ARCHIVED = Gauge(
    "reservation_archived_reservations", "Reservations in the archive, as PostgreSQL estimates.", "livemax"
)
MIGRATION = Gauge("reservation_schema_migration", "Number of the newest migration.", "livemax")
JOB_LAST_SUCCESS = GaugeBy(
    "reservation_job_last_success_timestamp_seconds", "When a background job last succeeded.", "task", merge="max"
)
JOB_SECONDS = HistogramBy("reservation_job_seconds", "Time that a run of a background job took.", "task")
JOB_FAILURES = CounterBy("reservation_job_failures", "Runs of background jobs that failed.", "task")


def count_refusal(error: DomainError) -> None:
    """Count a hold that was refused, by the first seat's reason or the error's name."""
    if isinstance(error, SeatsUnavailable):
        HOLDS_REFUSED.counts[f"seats_{error.reason}"] += 1
    elif not isinstance(error, IdempotencyKeyUsed):  # it gets the first answer
        HOLDS_REFUSED.counts[_snake_case(type(error).__name__)] += 1


def _snake_case(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).removeprefix("_")
