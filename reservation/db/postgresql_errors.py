"""PostgreSQL's errors: the domain errors that stand for them, and what they say of a statement."""

from collections.abc import Callable
from functools import partial

import asyncpg

from ..errors import (
    CapacityExceeded,
    DatabaseUnavailable,
    DomainError,
    EmailTaken,
    Invalid,
    InvalidToken,
    Overloaded,
    PlaceTaken,
    RowLocked,
    ShowtimeOverlap,
)
from . import metrics

BOX_OFFICE_GUEST_KEY = "users_box_office_guest_key"

# The constraints that a valid request can violate, by name; `not null` has none, hence table and column.
_VIOLATED: dict[str, Callable[[], DomainError]] = {
    "users_folded_email_key": EmailTaken,
    "users_lower_email_key": EmailTaken,
    "seats_row_label_check": partial(CapacityExceeded, "There are no row labels left after ZZZ."),
    "seats_position_key": PlaceTaken,
    "seats_position_excl": PlaceTaken,
    "showtimes_overlap_excl": ShowtimeOverlap,
    "auditoriums_cinema_id_fkey": partial(Invalid, "/cinema_id", "There is no such cinema."),
    "auditoriums.cinema_id": partial(Invalid, "/cinema_id", "Required, since there is not exactly one cinema."),
    "showtimes_movie_id_fkey": partial(Invalid, "/movie_id", "There is no such movie."),
    "showtimes_auditorium_id_fkey": partial(Invalid, "/auditorium_id", "There is no such auditorium."),
    # The token is genuine, but its account is not in this database, or not any more.
    "reservations_user_id_fkey": InvalidToken,
    "login_sessions_user_id_fkey": InvalidToken,
    "api_keys_created_by_fkey": InvalidToken,
    "api_keys_user_id_fkey": partial(Invalid, "/user_id", "There is no such user."),
    "api_keys_expires_at_check": partial(Invalid, "/expires_at", "Must be in the future."),
    # reservations/confirm fails on it, rather than commit a part, when one of the reservations has lost a race.
    "reservations_status_check": Overloaded,
    # Another session has opened a payment of the reservation since the statement read them.
    "payments_reservation_id_number_key": Overloaded,
    # Another session makes the same guest. ON CONFLICT awaits it by the index over the folded address; the older index
    # beside it fails at once. The request is tried again (`is_undone`), and finds the guest.
    BOX_OFFICE_GUEST_KEY: Overloaded,
    # The batches retry it with other codes.
    "reservations_code_key": Overloaded,
}

# All that the driver raises, InternalClientError for a connection that was killed at an unlucky moment.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

# A statement ended by a time limit, a fail-over, a restart or a lack of connections: a later retry can succeed.
TEMPORARY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    TimeoutError,
    OSError,
)

# The schema is not what the statement or the session was made for: a DBA has changed it, or is changing it just now.
_OTHER_SCHEMA = (
    asyncpg.InvalidCachedStatementError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidColumnReferenceError,  # the index of an ON CONFLICT
    asyncpg.DatatypeMismatchError,
    asyncpg.InsufficientPrivilegeError,  # what was dropped and created again has no grants yet
)

# Where PostgreSQL reports an unknown time zone; its message may be in any language.
_OF_TIME_ZONES = {"datetime.c", "timestamp.c"}

# Errors of a batch that one of its items can cause: a violated constraint, or a lock that another session holds.
_OF_ONE_ITEM = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.TransactionRollbackError,
)


def is_single_item_error(error: BaseException) -> bool:
    """Whether one item of a batch may have caused an exception of `Database.connection`: then retry each alone."""
    return isinstance(error, _OF_ONE_ITEM) or isinstance(error.__cause__, _OF_ONE_ITEM)


def is_undone(error: BaseException) -> bool:
    """Whether PostgreSQL has undone what failed with an exception of `Database.connection`, and it may succeed now."""
    cause = error.__cause__
    return isinstance(cause, (*_OTHER_SCHEMA, asyncpg.TransactionRollbackError)) or is_violation(
        error, BOX_OFFICE_GUEST_KEY
    )


def is_violation(error: BaseException, constraint: str) -> bool:
    """Whether a constraint or unique index of this name is the cause of an exception of `Database.connection`."""
    return getattr(error.__cause__, "constraint_name", None) == constraint


def is_timeout(error: BaseException) -> bool:
    """Whether a time limit of the statement is the cause of an exception of `Database.connection`."""
    return isinstance(error.__cause__, asyncpg.QueryCanceledError | TimeoutError)


def raise_domain_error(error: BaseException) -> None:
    """Raise the domain error of an error of PostgreSQL or of its connection; nothing for any other."""
    if isinstance(error, DRIVER_ERRORS):  # TimeoutError included
        metrics.count_error(error)
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        violated = _VIOLATED.get(error.constraint_name or f"{error.table_name}.{error.column_name}")
        if violated is not None:
            raise violated() from error
    elif isinstance(error, asyncpg.InvalidParameterValueError) and source_file(error) in _OF_TIME_ZONES:
        raise Invalid("/timezone", "The database does not know this time zone.") from error
    elif isinstance(error, asyncpg.LockNotAvailableError):
        raise RowLocked from error
    elif isinstance(error, (*TEMPORARY, *_OTHER_SCHEMA)):
        raise DatabaseUnavailable from error


def source_file(error: BaseException) -> str | None:
    """The file of PostgreSQL's source that reported an error."""
    return getattr(error, "server_source_filename", None)
