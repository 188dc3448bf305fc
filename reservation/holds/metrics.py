"""What is counted of Redis for /metrics."""

from ..runtime.metrics import Counter, CounterBy, Gauge, Histogram

REDIS_SECONDS = Histogram("reservation_redis_seconds", "Time that a caller waits for Redis: usually one round trip.")
REDIS_ERRORS = CounterBy(
    "reservation_redis_errors",
    "Calls that failed: Redis refused them, did not answer in time, or the connection failed.",
    "reason",
    known=("refused", "timeout", "connection"),
)
CONNECTIONS = Counter("reservation_redis_connections_opened", "Connections for scripts that were opened.")
CONNECTION_FAILURES = Counter(
    "reservation_redis_connection_failures", "Connections for scripts that could not be opened."
)
STALLS = Counter(
    "reservation_redis_stalls", "Times that Redis did not answer within REDIS_WAIT_MILLISECONDS, until it did again."
)
EPOCH_LOSSES = Counter(
    "reservation_redis_epoch_losses",
    "Moments at which Redis may have lost holds: the connection ended, or Redis forgot its data.",
)
PENDING_UPDATES = Gauge("reservation_redis_pending_updates", "Updates that failed and are tried again.")
OLDEST_PENDING_SECONDS = Gauge(
    "reservation_redis_oldest_pending_update_seconds", "How long the oldest of these has been pending.", "livemax"
)
DROPPED_UPDATES = Counter("reservation_redis_dropped_updates", "Updates dropped, since too many were pending.")


def count_error(error: BaseException) -> None:
    """Count a call that failed."""
    if isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":  # redis-py has its own
        reason = "timeout"
    else:
        is_connection = isinstance(error, OSError) or "Connection" in type(error).__name__
        reason = "connection" if is_connection else "refused"
    REDIS_ERRORS.counts[reason] += 1
