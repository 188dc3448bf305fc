"""What is counted of PostgreSQL for /metrics: the pool, the statements, the errors, and what was sold."""

from ..runtime.metrics import Counter, CounterBy, Gauge, GaugeBy, Histogram, HistogramBy

POOL_MAX = Gauge("reservation_pool_max_connections", "Connections that the pools may open.")
POOL_OPEN = Gauge("reservation_pool_connections", "Connections that are open.")
POOL_IN_USE = Gauge("reservation_pool_connections_in_use", "Connections in use, those that the batches keep included.")
POOL_WAITING = Gauge("reservation_pool_waiting", "Requests and jobs that wait for a connection.")
POOL_WAIT = Histogram("reservation_pool_wait_seconds", "Time until a connection was free.")
POOL_TIMEOUTS = Counter("reservation_pool_timeouts", "Waits for a connection that ended without one.")
STATEMENT_SECONDS = HistogramBy(
    "reservation_postgresql_statement_seconds",
    "Time from a statement to its result, by the statement's file in sql/.",
    "statement",
    bounds=(0.001, 0.005, 0.025, 0.1, 0.5, 2.5),  # few, since there are many statements
)
ERRORS = CounterBy(
    "reservation_postgresql_errors",
    "Errors of statements and connections, by SQLSTATE class.",
    "sqlstate_class",
)
FAILOVERS = CounterBy(
    "reservation_postgresql_failovers",
    "Fail-overs that this worker was the first to notice; lost: the new primary lacks commits of the old one.",
    "commits",
    known=("lost", "no_loss_seen"),
)
REPLICA_LAG = GaugeBy(
    "reservation_replica_lag_seconds", "How old what a read replica has may be.", "replica", merge="livemax"
)
REPLICA_IN_USE = GaugeBy(
    "reservation_replica_in_use", "Workers that read from a read replica.", "replica", merge="livesum"
)
CONFIRMED_RESERVATIONS = Counter("reservation_confirmed_reservations", "Reservations confirmed.")
CONFIRMED_SEATS = Counter("reservation_confirmed_seats", "Seats of the reservations confirmed.")
LATE_CONFIRMS = Counter("reservation_late_confirms", "Reservations confirmed after their hold had expired.")
CANCELLED = CounterBy(
    "reservation_cancelled_reservations",
    "Confirmed reservations that were cancelled as a whole.",
    "cancelled_by",
    known=("customer", "staff", "cinema"),
)
CANCELLED_SEATS = CounterBy(
    "reservation_cancelled_seats",
    "Confirmed seats that were cancelled, those of whole reservations included.",
    "cancelled_by",
    known=("customer", "staff", "cinema"),
)

WITHOUT_SQLSTATE = "none"  # the connection failed, or the client gave up


def count_error(error: BaseException) -> None:
    """Count an error of PostgreSQL, or of a connection to it."""
    sqlstate = getattr(error, "sqlstate", None)
    ERRORS.counts[sqlstate[:2] if isinstance(sqlstate, str) else WITHOUT_SQLSTATE] += 1


def count_confirmed(*, seats: int, late: bool) -> None:
    """Count a hold that was confirmed."""
    CONFIRMED_RESERVATIONS.value += 1
    CONFIRMED_SEATS.value += seats
    if late:
        LATE_CONFIRMS.value += 1


def count_cancelled(by: str, *, seats: int, whole: bool) -> None:
    """Count the cancelled seats of a confirmed reservation."""
    CANCELLED_SEATS.counts[by] += seats
    if whole:
        CANCELLED.counts[by] += 1


READS = CounterBy(
    "reservation_reads",
    "Reads of operations that may read from a replica, by where they were read.",
    "server",
    known=("primary", "replica"),
)
